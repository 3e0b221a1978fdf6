import type {Driver, EtcdStep, Outcome} from '../../model/index.ts'

/** The datastore that holds the export, as this driver needs it; the etcd station has the real one. */
export interface KeyValues {
  /** Every key below the prefix, with its value. */
  read(prefix: string): Promise<ReadonlyMap<string, string>>
  /** One transaction. */
  write(put: readonly (readonly [key: string, value: string])[], deleted: readonly string[]): Promise<void>
}

export const EXPORT_PREFIX = '/isthmus/v1/export/'

/** etcd takes 128 operations a transaction unless told otherwise. */
const OPERATIONS = 100

/**
 * Writes this site's export. Not atomic as a whole, so its order must be right at every moment: a reader that sees a
 * membership must find its attribute set (formats.md), hence sets go in first and out last.
 */
export function createEtcdDriver(store: KeyValues): Driver<ReadonlyMap<string, string>, EtcdStep> {
  async function applyStep(step: EtcdStep): Promise<Outcome> {
    try {
      const outside = [...step.put.keys(), ...step.delete].find((key) => !key.startsWith(EXPORT_PREFIX))
      if (outside !== undefined) return {ok: false, step: step.key, code: 'refused', cause: `${outside} is not ours`}
      const puts = [...step.put].sort(([a], [b]) => rank(a) - rank(b))
      for (const part of chunks(puts)) await store.write(part, [])
      const deletes = [...step.delete].sort((a, b) => rank(b) - rank(a))
      for (const part of chunks(deletes)) await store.write([], part)
      return {ok: true, step: step.key}
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error)
      return {ok: false, step: step.key, code: 'unreachable', cause}
    }
  }
  return {
    name: 'etcd',
    atomic: false,
    read: () => store.read(EXPORT_PREFIX),
    apply: async (steps) => {
      const outcomes: Outcome[] = []
      for (const step of steps) outcomes.push(await applyStep(step))
      return outcomes
    },
  }
}

/** What others point to comes first: attribute sets before the memberships that name them. */
function rank(key: string): number {
  const kind = key.slice(EXPORT_PREFIX.length).split('/')[0]
  return kind === 'attributes' ? 0 : kind === 'meta' ? 2 : 1
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += OPERATIONS) yield items.slice(i, i + OPERATIONS)
}
