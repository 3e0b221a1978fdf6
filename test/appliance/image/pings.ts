import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'

export interface Pings {
  /** When the first answer came. */
  readonly answered: (seconds: number) => Promise<number>
  /** The number of the latest one that was sent: where something begins or ends. */
  readonly now: () => number
  /** Those that were sent between the two, and got no answer within the time that one has. */
  readonly lost: (from: number, to: number) => Promise<number>
  /** The first time without answers, of five seconds and more, that ended after `from` was sent; waited for until it is over. */
  readonly gap: (from: number, seconds: number) => Promise<{readonly seconds: number; readonly endMs: number}>
  readonly stop: () => void
}

/** Emulation is late now and then: an answer that comes is no loss. */
const PATIENCE_MS = 10_000
const GAP_MS = 5000

/** Pings from a namespace, so many a second, each by its number. */
export function startPings(namespace: string, to: string, perSecond: number): Pings {
  const words = ['netns', 'exec', namespace, 'ping', '-n', '-O', '-D', '-i', `${1 / perSecond}`, to]
  const child: ChildProcess = spawn('ip', words, {stdio: ['ignore', 'pipe', 'inherit']})
  /** When each was answered. */
  const answers = new Map<number, number>()
  let latest = 0
  let rest = ''
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const [, seconds, sequence] = /^\[([\d.]+)\].*icmp_seq=(\d+)/.exec(line) ?? []
      if (!sequence) continue
      // "no answer yet" and what a router answers say that it was sent.
      latest = Math.max(latest, Number(sequence))
      if (line.includes('bytes from') && !answers.has(Number(sequence)))
        answers.set(Number(sequence), Number(seconds) * 1000)
    }
  })
  const until = async <T>(seconds: number, what: string, found: () => T | undefined): Promise<T> => {
    const end = Date.now() + seconds * 1000
    for (;;) {
      const it = found()
      if (it !== undefined) return it
      assert.ok(Date.now() < end, `${what}: not within ${seconds} s`)
      assert.equal(child.exitCode, null, 'ping has ended')
      await new Promise((go) => setTimeout(go, 200))
    }
  }
  const unanswered = (from: number, upTo: number): number => {
    let count = 0
    for (let sequence = from + 1; sequence <= upTo; sequence++) if (!answers.has(sequence)) count++
    return count
  }
  const findGap = (from: number): {seconds: number; endMs: number} | undefined => {
    const before = Math.max(...[...answers.keys()].filter((sequence) => sequence <= from))
    let last = answers.get(before)!
    for (let sequence = before + 1; sequence <= latest; sequence++) {
      const at = answers.get(sequence)
      if (at === undefined) continue
      if (at - last > GAP_MS) return {seconds: (at - last) / 1000, endMs: at}
      last = at
    }
    return undefined
  }
  return {
    answered: (seconds) => until(seconds, 'an answer', () => answers.values().next().value),
    now: () => latest,
    lost: async (from, upTo) => {
      const end = Date.now() + PATIENCE_MS
      while (Date.now() < end && unanswered(from, upTo) > 0) await new Promise((go) => setTimeout(go, 200))
      return unanswered(from, upTo)
    },
    gap: (from, seconds) => until(seconds, 'a time without answers and an answer after it', () => findGap(from)),
    stop: () => {
      child.kill()
    },
  }
}
