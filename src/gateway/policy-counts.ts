import {setImmediate as yieldTurn} from 'node:timers/promises'
import type {WatchClock} from '../etcd/index.ts'
import type {JudgedElement, World} from '../model/index.ts'
import {type Attributor, attributors, type Compiled, createPolicyTotals, type PolicyTotals} from '../policy/index.ts'

/** What the kernel counted since it was asked last; the nft driver. */
export interface JudgedSource {
  takeJudged(): Promise<{readonly elements: readonly JudgedElement[]; readonly beyond: number}>
}

/** What policies and rules decided, since the process started. */
export interface PolicyCounts {
  readonly totals: PolicyTotals
  /** How often the kernel's counts could not be taken. */
  failures(): number
  /**
   * Takes what was judged and attributes it by what is in force at the moment; it never throws. One at a time: who comes
   * meanwhile waits for the one that runs. Nothing is taken before the first compilation: nobody knew what it is.
   */
  take(compiled: () => Compiled | null): Promise<void>
  /**
   * Before a compilation, which changes what policies are: what was counted so far is of those in force. A change waits no
   * longer than a moment for it, and not at all where policies stay, or where counts were taken just now.
   */
  beforeCompile(compiled: () => Compiled | null, next: Pick<World, 'policies' | 'staged'>): Promise<void>
}

export interface PolicyCountsOptions {
  readonly source: JudgedSource
  readonly clock: Pick<WatchClock, 'nowMs' | 'sleep'>
  /** Called when taking begins to fail, not each time. */
  readonly onError: (error: unknown) => void
}

/** Elements are attributed so long before others have their turn; the first look into a class may take a millisecond. */
const SLICE_MS = 5
/** A change of policy waits no longer than this for counts, and does not ask for them when they are as young as that. */
const WAIT_MS = 100
const FRESH_MS = 1000

export function createPolicyCounts({source, clock, onError}: PolicyCountsOptions): PolicyCounts {
  const totals = createPolicyTotals()
  const attributorFor = attributors()
  let failures = 0
  let isFailing = false
  let running: Promise<void> | null = null
  let startedMs: number | null = null
  let known: {readonly compiled: Compiled; readonly attribute: Attributor} | null = null

  /** Made anew where the compilation changed, also in the middle: the classes of the one before are gone by then. */
  const attributorOf = (compiled: Compiled | null): Attributor => {
    if (!compiled) return () => null
    if (known?.compiled !== compiled) known = {compiled, attribute: attributorFor(compiled)}
    return known.attribute
  }

  const takeOnce = async (compiled: () => Compiled | null): Promise<void> => {
    try {
      const {elements, beyond} = await source.takeJudged()
      totals.addBeyond(beyond)
      let untilMs = clock.nowMs() + SLICE_MS
      for (const element of elements) {
        if (clock.nowMs() >= untilMs) {
          await yieldTurn()
          untilMs = clock.nowMs() + SLICE_MS
        }
        totals.add(element, attributorOf(compiled())(element))
      }
      isFailing = false
    } catch (error) {
      failures++
      if (!isFailing) onError(error)
      isFailing = true
    }
  }

  const take = (compiled: () => Compiled | null): Promise<void> => {
    if (!compiled()) return Promise.resolve()
    if (!running) {
      startedMs = clock.nowMs()
      running = takeOnce(compiled).finally(() => {
        running = null
      })
    }
    return running
  }

  return {
    totals,
    failures: () => failures,
    take,
    async beforeCompile(compiled, {policies, staged}) {
      const understood = compiled()?.state.understood
      if (!understood || (understood.policies === policies && understood.staged === staged)) return
      if (startedMs !== null && clock.nowMs() - startedMs < FRESH_MS) return
      const waiting = new AbortController()
      await Promise.race([take(compiled), clock.sleep(WAIT_MS, waiting.signal)])
      waiting.abort()
    },
  }
}
