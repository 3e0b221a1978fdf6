import {setImmediate as yieldTurn} from 'node:timers/promises'
import type {JudgedElement} from '../model/index.ts'
import {type Attributor, attributor, type Compiled, createPolicyTotals, type PolicyTotals} from '../policy/index.ts'

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
  /** When the last taking began; null before the first. */
  lastMs(): number | null
}

export interface PolicyCountsOptions {
  readonly source: JudgedSource
  readonly nowMs: () => number
  /** Called when taking begins to fail, not each time. */
  readonly onError: (error: unknown) => void
}

/** So many elements are attributed before others have their turn: some milliseconds. */
const SLICE = 1000

export function createPolicyCounts({source, nowMs, onError}: PolicyCountsOptions): PolicyCounts {
  const totals = createPolicyTotals()
  let failures = 0
  let isFailing = false
  let running: Promise<void> | null = null
  let startedMs: number | null = null
  let known: {readonly compiled: Compiled; readonly attribute: Attributor} | null = null

  /** Made anew where the compilation changed, also in the middle: the classes of the one before are gone by then. */
  const attributorOf = (compiled: Compiled | null): Attributor => {
    if (!compiled) return () => null
    if (known?.compiled !== compiled) known = {compiled, attribute: attributor(compiled)}
    return known.attribute
  }

  const takeOnce = async (compiled: () => Compiled | null): Promise<void> => {
    try {
      const {elements, beyond} = await source.takeJudged()
      totals.addBeyond(beyond)
      for (let first = 0; first < elements.length; first += SLICE) {
        if (first > 0) await yieldTurn()
        const attribute = attributorOf(compiled())
        for (const element of elements.slice(first, first + SLICE)) totals.add(element, attribute(element))
      }
      isFailing = false
    } catch (error) {
      failures++
      if (!isFailing) onError(error)
      isFailing = true
    }
  }

  return {
    totals,
    failures: () => failures,
    lastMs: () => startedMs,
    take(compiled) {
      if (!compiled()) return Promise.resolve()
      if (!running) {
        startedMs = nowMs()
        running = takeOnce(compiled).finally(() => {
          running = null
        })
      }
      return running
    },
  }
}
