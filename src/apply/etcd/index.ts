import type {Driver, EtcdStep, Outcome} from '../../model/index.ts'
import {StepFailure} from '../failure.ts'
import {HeldExport} from './held-export.ts'

/** The datastore that holds the export, as this driver needs it; the etcd station has the real one. */
export interface KeyValues {
  /** One transaction; answers its revision. */
  write(put: readonly (readonly [key: string, value: string])[], deleted: readonly string[]): Promise<number>
}

export type {HeldExport} from './held-export.ts'
export {type ObjectStore, type WriteGuard, type WriteReport, writeObjects} from './write-objects.ts'

export const EXPORT_PREFIX = '/isthmus/v1/export/'

/** etcd takes 128 operations a transaction and 1.5 MiB unless told otherwise. */
const OPERATIONS = 100
const BYTES = 1_000_000

export interface EtcdDriver extends Driver<ReadonlyMap<string, string>, EtcdStep> {
  /** Whoever watches the export tells it what it hears. */
  readonly held: HeldExport
}

/**
 * Writes this site's export. Not atomic as a whole, so its order must be right at every moment: a reader that sees a
 * membership must find its attribute set (formats.md), hence sets go in first and out last.
 */
export function createEtcdDriver(store: KeyValues): EtcdDriver {
  const held = new HeldExport()

  async function applyStep(step: EtcdStep): Promise<Outcome> {
    try {
      const outside = [...step.put.keys(), ...step.delete].find((key) => !key.startsWith(EXPORT_PREFIX))
      if (outside !== undefined) return {ok: false, step: step.key, code: 'refused', cause: `${outside} is not ours`}
      for (const {put, gone} of transactions(step)) held.wrote(put, gone, await store.write(put, gone))
      return {ok: true, step: step.key}
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error)
      return {ok: false, step: step.key, code: 'unreachable', cause}
    }
  }
  return {
    name: 'etcd',
    atomic: false,
    held,
    async read() {
      if (!held.isWhole) throw new StepFailure('unreachable', 'the export has not been listed yet')
      return held.records.texts
    },
    apply: async (steps) => {
      const outcomes: Outcome[] = []
      for (const step of steps) outcomes.push(await applyStep(step))
      return outcomes
    },
  }
}

interface Transaction {
  readonly put: readonly (readonly [key: string, value: string])[]
  readonly gone: readonly string[]
}

/** Puts, then deletions, in as few transactions as they fit into; a put that is too large for any goes alone. */
function* transactions(step: EtcdStep): Generator<Transaction> {
  let put: (readonly [key: string, value: string])[] = []
  let bytes = 0
  for (const entry of [...step.put].sort(([a], [b]) => rank(a) - rank(b))) {
    const size = Buffer.byteLength(entry[0]) + Buffer.byteLength(entry[1])
    if (put.length === OPERATIONS || (put.length > 0 && bytes + size > BYTES)) {
      yield {put, gone: []}
      ;[put, bytes] = [[], 0]
    }
    put.push(entry)
    bytes += size
  }
  const gone = [...step.delete].sort((a, b) => rank(b) - rank(a))
  const first = gone.slice(0, OPERATIONS - put.length)
  if (put.length + first.length > 0) yield {put, gone: first}
  for (let next = first.length; next < gone.length; next += OPERATIONS) {
    yield {put: [], gone: gone.slice(next, next + OPERATIONS)}
  }
}

/** What others point to comes first: attribute sets before the memberships that name them. */
function rank(key: string): number {
  const kind = key.slice(EXPORT_PREFIX.length).split('/')[0]
  return kind === 'attributes' ? 0 : kind === 'meta' ? 2 : 1
}
