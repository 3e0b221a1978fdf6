import {setTimeout as delay} from 'node:timers/promises'
import {
  DRAIN_MS,
  JUDGED_BEYOND,
  type JudgedElement,
  type JudgedLetter,
  judgedChains,
  type NftStep,
} from '../../model/index.ts'
import type {BatchMessage} from './element-batch.ts'
import {createJudgedReader, type JudgedReading, otherLetter, writeLetter} from './judged-sets.ts'
import type {Netfilter} from './netfilter.ts'

/** What is kept for a taker who does not come; packets of what is more are counted as beyond. */
const MOST_KEPT = 65_536

export interface JudgedCounts {
  readonly elements: readonly JudgedElement[]
  /** Packets that no element has: their set was full. */
  readonly beyond: number
}

export interface JudgedTurnsOptions {
  readonly table: string
  readonly netfilter: Pick<Netfilter, 'hasChain' | 'counters'>
  /** The driver's, which keep its commit number; all but `take` is called from its queue. */
  readonly run: (script: string) => Promise<string | null>
  readonly commit: (messages: readonly BatchMessage[]) => Promise<boolean>
  readonly queued: <T>(work: () => Promise<T>) => Promise<T>
}

/**
 * Takes what was counted out of the sets that no rule writes. Which letter is written need not be known: after the rules
 * have come to write one, the other is at rest, so a wrong belief (a restart, somebody's flush) reads an empty set, and the
 * full one the next time. Just the keys that were read are deleted, and nothing counts that could not be deleted: so
 * nothing is counted twice, and nothing lost.
 */
export interface JudgedTurns {
  take(): Promise<JudgedCounts>
  /** Empties the sets before a listing, which reads all elements of all sets; the next `take` gives what was in them. */
  clear(): Promise<void>
  /** Steps that are in force now: the plan's chains write `a`. */
  applied(steps: readonly NftStep[]): void
  close(): void
}

const CHAINS: ReadonlySet<string> = new Set(judgedChains('a').map(({name}) => name))

export function createJudgedTurns({table, netfilter, run, commit, queued}: JudgedTurnsOptions): JudgedTurns {
  const reader = createJudgedReader()
  let written: JudgedLetter = 'a'
  /** Grows whenever the rules come to write another letter: what is being read may not be at rest any more. */
  let turns = 0
  let kept: JudgedElement[] = []
  let keptBeyond = 0
  let beyondSeen: number | null = null

  /** Has the rules write the other letter, and gives the one that comes to rest; null where there is nothing to read. */
  async function turn(): Promise<JudgedLetter | null> {
    for (const chain of CHAINS) if (!(await netfilter.hasChain(table, chain))) return null
    turns++
    written = otherLetter(written)
    return (await run(writeLetter(table, written))) === null ? otherLetter(written) : null
  }

  const remove = async ({elements, removal}: JudgedReading): Promise<readonly JudgedElement[]> =>
    removal.length === 0 || (await commit(removal)) ? elements : []

  /** The counter outlives us, but not everybody's flush. */
  async function beyond(): Promise<number> {
    const now = (await netfilter.counters(table)).get(JUDGED_BEYOND)?.packets ?? 0
    const growth = beyondSeen === null ? 0 : now < beyondSeen ? now : now - beyondSeen
    beyondSeen = now
    return growth
  }

  return {
    async take() {
      const letter = await queued(turn)
      let elements: readonly JudgedElement[] = []
      if (letter) {
        const own = turns
        await delay(DRAIN_MS)
        const reading = await reader.read(table, letter)
        elements = await queued(async () => (own === turns ? remove(reading) : []))
      }
      const growth = await beyond()
      const counts = {elements: [...kept, ...elements], beyond: keptBeyond + growth}
      kept = []
      keptBeyond = 0
      return counts
    },

    async clear() {
      // Which of them a process before left full is not known.
      const most = beyondSeen === null ? 2 : 1
      for (let times = 0; times < most; times++) {
        const letter = await turn()
        if (!letter) break
        await delay(DRAIN_MS)
        for (const element of await remove(await reader.read(table, letter))) {
          if (kept.length < MOST_KEPT) kept.push(element)
          else keptBeyond += element.packets
        }
      }
      if (beyondSeen === null) await beyond()
    },

    applied(steps) {
      if (!steps.some((step) => step.do === 'chain-set' && CHAINS.has(step.name))) return
      written = 'a'
      turns++
    },

    close: () => reader.close(),
  }
}
