/** The clock that the loop lives by; tests bring their own. */
export interface LoopClock {
  /** Calls back once after `ms`; the returned function cancels. */
  after(ms: number, callback: () => void): () => void
  /** 0 ≤ n < 1, for jitter. */
  random(): number
}

export interface LoopOptions {
  readonly clock: LoopClock
  /** One pass; true when something was left undone. Must not throw: a throw is our bug and ends the daemon. */
  readonly pass: (signal: AbortSignal) => Promise<boolean>
  readonly signal: AbortSignal
  /** Rest after a pass, so that a storm of events becomes one pass. */
  readonly restMs: number
  readonly backoffMs: {readonly first: number; readonly last: number}
  /** A pass even in silence. */
  readonly idleMs: number
}

export interface Loop {
  /** Look again. Any number of calls before or during a pass cause one pass. */
  trigger(): void
  /** Settles when the signal is aborted and the running pass has ended. */
  readonly done: Promise<void>
}

/**
 * Runs passes, never two at once. A dirty pass is repeated with exponential backoff and jitter; a trigger that comes
 * meanwhile does not wait for the backoff, since it may be the very thing that mends the failure, but it does not
 * reset it either: a source of events that fails each pass must not turn into a busy loop (the rest still holds).
 */
export function startLoop(options: LoopOptions): Loop {
  const {clock, signal} = options
  let wanted = true
  let wake: (() => void) | null = null
  const wakeUp = (): void => wake?.()
  signal.addEventListener('abort', wakeUp)

  const wait = (ms: number, interruptible: boolean): Promise<void> =>
    new Promise((resolve) => {
      const finish = (): void => {
        cancel()
        wake = null
        resolve()
      }
      const cancel = clock.after(ms, finish)
      if (interruptible) wake = finish
      if (signal.aborted) finish()
    })

  const run = async (): Promise<void> => {
    let failures = 0
    while (!signal.aborted) {
      wanted = false
      const dirty = await options.pass(signal)
      failures = dirty ? failures + 1 : 0
      await wait(options.restMs, false)
      if (wanted || signal.aborted) continue
      await wait(dirty ? backoff(failures, options) : options.idleMs, true)
    }
    signal.removeEventListener('abort', wakeUp)
  }

  return {
    trigger: () => {
      wanted = true
      wakeUp()
    },
    done: run(),
  }
}

/** Doubles from `first` to `last`, less up to a quarter, so that gateways that failed together do not retry together. */
function backoff(failures: number, {backoffMs, clock}: LoopOptions): number {
  const full = Math.min(backoffMs.last, backoffMs.first * 2 ** Math.min(failures - 1, 20))
  return full * (1 - clock.random() / 4)
}
