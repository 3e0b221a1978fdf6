import {EXPORT_PREFIX, type ExportOwner, type HeldExport, ownerOf} from '../apply/index.ts'
import {diffExport, type ExportDelta} from '../diff/index.ts'
import {type EtcdStep, type GatewayName, type JournalMap, type KeyHold, type Outcome, stepKey} from '../model/index.ts'

/** Records that are kept up, with a journal of what changed. */
export type KeptRecords = Pick<JournalMap, 'texts' | 'revision' | 'changedSince'>

export interface PublishDeps {
  readonly gateway: GatewayName
  /** What the site publishes of itself, as of the last pass; null: nothing may be published now. */
  readonly wanted: () => ReadonlyMap<string, string> | null
  /** Its members, and its own policies; no two have a key in common. */
  readonly kept: readonly KeptRecords[]
  readonly held: Pick<HeldExport, 'records' | 'isWhole'>
  /** Whether the datastore that holds the export answers at the moment. */
  readonly reachable: () => boolean
  readonly rights: () => Rights
  readonly apply: (steps: readonly EtcdStep[], signal: AbortSignal) => Promise<readonly Outcome[]>
}

/** What may be written now, and under which keys; null: not that. */
export interface Rights {
  /** This gateway's own record. */
  readonly own: KeyHold | null
  /** All else, but other gateways' records: these are only removed. */
  readonly leader: KeyHold | null
  /** Whose records stay although nobody here wants them. */
  readonly staying: readonly ExportOwner[]
}

/** What one look at the export found and did. */
export interface PublishReport {
  /** Empty: nothing was to do. */
  readonly steps: readonly EtcdStep[]
  readonly failures: readonly Extract<Outcome, {ok: false}>[]
}

export interface Publisher {
  /** Brings the export to what is wanted. Safe at any time; what fails is tried again by the next call. */
  publish(signal: AbortSignal): Promise<PublishReport>
  /** The next look is at everything. */
  distrust(): void
}

/** What both sides were when they were last found equal, but for what the steps then did. */
interface Compared {
  readonly wanted: ReadonlyMap<string, string>
  /** Revisions, in their order. */
  readonly kept: readonly number[]
  readonly held: number
  /** With other rights, what was left alone then may be to do now. */
  readonly rights: string
}

const ATTRIBUTES = `${EXPORT_PREFIX}attributes/`

/**
 * The export follows the passes on a way of its own: the kernel comes first, and neither waits for the other. Tunnels are
 * published as the last pass left them, since nobody may be told of an end that does not exist; members as they are known.
 *
 * Level-triggered like a pass: it compares what is wanted with what is held, whoever changed either; only where both have
 * a journal since the last comparison it looks at the keys in them and at no others.
 *
 * Each gateway writes its own record, the leader all else (decision 0037): what this one has no right to is left alone.
 */
export function createPublisher(deps: PublishDeps): Publisher {
  const {kept, held} = deps
  const ownKey = `${EXPORT_PREFIX}gateways/${deps.gateway}`
  let compared: Compared | null = null
  let isInDoubt = false
  /** Attribute sets of the members that stay. */
  let needed: ReadonlySet<string> = new Set()

  const changedKeys = (wanted: ReadonlyMap<string, string>): ReadonlySet<string> | null => {
    const here = compared?.kept.map((revision, index) => kept[index]!.changedSince(revision)) ?? []
    const there = compared && held.records.changedSince(compared.held)
    if (!compared || !there || here.includes(null)) return null
    const own = compared.wanted === wanted ? [] : [...compared.wanted.keys(), ...wanted.keys()]
    return new Set([...here.flatMap((keys) => [...(keys ?? [])]), ...there, ...own])
  }

  const stepsOf = ({put, delete: gone}: ExportDelta, {own, leader, staying}: Rights): EtcdStep[] => {
    const stays = (key: string): boolean => {
      const owner = ownerOf(key)
      return owner === null ? needed.has(key) : staying.includes(owner)
    }
    const [ownPut, otherPut] = parted([...put], ([key]) => key === ownKey)
    const [ownGone, otherGone] = parted(gone, (key) => key === ownKey)
    return [
      ...(leader
        ? stepOf(
            'export',
            leader,
            otherPut,
            otherGone.filter((key) => !stays(key)),
          )
        : []),
      ...(own ? stepOf(`export gateways/${deps.gateway}`, own, ownPut, ownGone) : []),
    ]
  }

  return {
    async publish(signal) {
      const wanted = deps.wanted()
      const rights = deps.rights()
      if (wanted === null || !held.isWhole || !deps.reachable() || !(rights.own || rights.leader)) {
        return {steps: [], failures: []}
      }
      const rightsText = JSON.stringify(rights)
      if (isInDoubt || compared?.rights !== rightsText) compared = null
      isInDoubt = false
      if (!compared) needed = setsOf(held.records.texts, rights.staying)
      const delta = diffExport([wanted, ...kept.map(({texts}) => texts)], held.records.texts, changedKeys(wanted))
      const now = {
        wanted,
        kept: kept.map(({revision}) => revision),
        held: held.records.revision,
        rights: rightsText,
      }
      const steps = delta ? stepsOf(delta, rights) : []
      const failures = steps.length > 0 ? (await deps.apply(steps, signal)).filter((outcome) => !outcome.ok) : []
      if (failures.length === 0) compared = now
      return {steps, failures}
    },
    distrust() {
      isInDoubt = true
    },
  }
}

function stepOf(
  key: string,
  hold: KeyHold,
  put: readonly (readonly [key: string, text: string])[],
  gone: readonly string[],
): EtcdStep[] {
  if (put.length + gone.length === 0) return []
  const reason = `${put.length} to put, ${gone.length} to delete`
  return [{key: stepKey(key), needs: [], reason, driver: 'etcd', put: new Map(put), delete: gone, holds: [hold]}]
}

function parted<T>(items: readonly T[], isFirst: (item: T) => boolean): [first: T[], second: T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))]
}

/** A set goes after its members, also when these are left as they are. */
function setsOf(held: ReadonlyMap<string, string>, staying: readonly ExportOwner[]): ReadonlySet<string> {
  const sets = new Set<string>()
  const datastores = staying.flatMap((owner) => (owner.startsWith('datastore/') ? [owner.slice(10)] : []))
  const prefixes = datastores.map((name) => `${EXPORT_PREFIX}endpoints/${name}/`)
  if (prefixes.length === 0) return sets
  for (const key of held.keys()) {
    if (prefixes.some((prefix) => key.startsWith(prefix))) sets.add(ATTRIBUTES + key.slice(key.lastIndexOf('/') + 1))
  }
  return sets
}
