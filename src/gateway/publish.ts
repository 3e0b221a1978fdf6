import type {HeldExport} from '../apply/index.ts'
import {diffExport} from '../diff/index.ts'
import type {EtcdStep, JournalMap, Outcome} from '../model/index.ts'

/** Records that are kept up, with a journal of what changed. */
export type KeptRecords = Pick<JournalMap, 'texts' | 'revision' | 'changedSince'>

export interface PublishDeps {
  /** What the site publishes of itself, as of the last pass; null: nothing may be published now. */
  readonly wanted: () => ReadonlyMap<string, string> | null
  /** Its members, and its own policies; no two have a key in common. */
  readonly kept: readonly KeptRecords[]
  readonly held: Pick<HeldExport, 'records' | 'isWhole'>
  /** Whether the datastore that holds the export answers at the moment. */
  readonly reachable: () => boolean
  readonly apply: (steps: readonly EtcdStep[], signal: AbortSignal) => Promise<readonly Outcome[]>
}

/** What one look at the export found and did. */
export interface PublishReport {
  /** null: nothing was to do. */
  readonly step: EtcdStep | null
  readonly failures: readonly Extract<Outcome, {ok: false}>[]
}

export interface Publisher {
  /** Brings the export to what is wanted. Safe at any time; what fails is tried again by the next call. */
  publish(signal: AbortSignal): Promise<PublishReport>
  /** The next look is at everything. */
  distrust(): void
}

/** What both sides were when they were last found equal, but for what the step then did. */
interface Compared {
  readonly wanted: ReadonlyMap<string, string>
  /** Revisions, in their order. */
  readonly kept: readonly number[]
  readonly held: number
}

/**
 * The export follows the passes on a way of its own: the kernel comes first, and neither waits for the other. Tunnels are
 * published as the last pass left them, since nobody may be told of an end that does not exist; members as they are known.
 *
 * Level-triggered like a pass: it compares what is wanted with what is held, whoever changed either; only where both have
 * a journal since the last comparison it looks at the keys in them and at no others.
 */
export function createPublisher(deps: PublishDeps): Publisher {
  const {kept, held} = deps
  let compared: Compared | null = null
  let isInDoubt = false

  const changedKeys = (wanted: ReadonlyMap<string, string>): ReadonlySet<string> | null => {
    const here = compared?.kept.map((revision, index) => kept[index]!.changedSince(revision)) ?? []
    const there = compared && held.records.changedSince(compared.held)
    if (!compared || !there || here.includes(null)) return null
    const own = compared.wanted === wanted ? [] : [...compared.wanted.keys(), ...wanted.keys()]
    return new Set([...here.flatMap((keys) => [...(keys ?? [])]), ...there, ...own])
  }

  return {
    async publish(signal) {
      const wanted = deps.wanted()
      if (wanted === null || !held.isWhole || !deps.reachable()) return {step: null, failures: []}
      if (isInDoubt) compared = null
      isInDoubt = false
      const step = diffExport([wanted, ...kept.map(({texts}) => texts)], held.records.texts, changedKeys(wanted))
      const now = {wanted, kept: kept.map(({revision}) => revision), held: held.records.revision}
      if (step) {
        const outcomes = await deps.apply([step], signal)
        const failures = outcomes.filter((outcome) => !outcome.ok)
        if (failures.length > 0) return {step, failures}
      }
      compared = now
      return {step, failures: []}
    },
    distrust() {
      isInDoubt = true
    },
  }
}
