import type {Driver, EtcdStep, KeyHold, Outcome} from '../../model/index.ts'
import {StepFailure} from '../failure.ts'
import {HeldExport} from './held-export.ts'
import type {Pace} from './pace.ts'
import {EXPORT_PREFIX, mayAccompany, type Transaction, transactions} from './transactions.ts'

/** The datastore that holds the export, as this driver needs it; the etcd station has the real one. */
export interface KeyValues {
  /** One transaction; answers its revision, or null: one of the holds is no more, and nothing was written. */
  write(
    put: readonly (readonly [key: string, value: string])[],
    deleted: readonly string[],
    holds: readonly KeyHold[],
  ): Promise<number | null>
}

export {type ExportOwner, type HeldExport, ownerOf} from './held-export.ts'
export {createPace, type Pace} from './pace.ts'
export {EXPORT_PREFIX} from './transactions.ts'
export {type ObjectStore, type WriteGuard, type WriteReport, writeObjects} from './write-objects.ts'

/** So many transactions are under way at once: what waits is mostly the disk of the datastore, once for all of them. */
const WIDTH = 4

export interface EtcdDriverOptions {
  readonly width?: number
  /** How fast transactions may begin; without it as fast as they are done. */
  readonly pace?: Pace
}

export interface EtcdDriver extends Driver<ReadonlyMap<string, string>, EtcdStep> {
  /** Whoever watches the export tells it what it hears. */
  readonly held: HeldExport
  /** Transactions that were done. */
  readonly transactions: () => number
}

/**
 * Writes this site's export. Not atomic as a whole, so its order must be right at every moment: a reader that sees a
 * membership must find its attribute set (formats.md), hence sets go in first and out last. Transactions of one phase
 * are under way together; the next phase begins when all of the last one are done, and never if one of them failed.
 */
export function createEtcdDriver(store: KeyValues, {width = WIDTH, pace}: EtcdDriverOptions = {}): EtcdDriver {
  const held = new HeldExport()
  let done = 0

  async function applyStep(step: EtcdStep, signal: AbortSignal): Promise<Outcome> {
    const failed = (code: 'denied' | 'refused' | 'unreachable', cause: string): Outcome => ({
      ok: false,
      step: step.key,
      code,
      cause,
    })
    const outside = [...step.put.keys(), ...step.delete].find((key) => !key.startsWith(EXPORT_PREFIX))
    if (outside !== undefined) return failed('refused', `${outside} is not ours`)

    let failure: Outcome | null = null
    const write = async ({put, gone}: Transaction): Promise<void> => {
      try {
        const revision = await store.write(put, gone, step.holds)
        if (revision === null) {
          failure ??= failed('denied', `${step.holds.map(({key}) => key).join(', ')}: no longer held`)
          return
        }
        done++
        held.wrote(put, gone, revision)
      } catch (error) {
        failure ??= failed('unreachable', error instanceof Error ? error.message : String(error))
      }
    }
    const underWay = new Map<Promise<void>, Transaction>()
    const isBlocked = (next: Transaction): boolean =>
      underWay.size >= width || [...underWay.values()].some((earlier) => !mayAccompany(next, earlier))
    for (const next of transactions(step)) {
      await pace?.(signal)
      while (failure === null && isBlocked(next)) await Promise.race(underWay.keys())
      if (failure !== null || signal.aborted) break
      const writing = write(next).finally(() => underWay.delete(writing))
      underWay.set(writing, next)
    }
    await Promise.all(underWay.keys())
    signal.throwIfAborted()
    return failure ?? {ok: true, step: step.key}
  }

  return {
    name: 'etcd',
    atomic: false,
    held,
    transactions: () => done,
    async read() {
      if (!held.isWhole) throw new StepFailure('unreachable', 'the export has not been listed yet')
      return held.records.texts
    },
    apply: async (steps, signal) => {
      const outcomes: Outcome[] = []
      for (const step of steps) outcomes.push(await applyStep(step, signal))
      return outcomes
    },
  }
}
