import type {Finding, RawRecord, Snapshot, SourceBatch, SourceId} from '../model/index.ts'

/** What of a datastore is kept when another one is in its place that has nothing of it. */
export interface Tree {
  readonly prefix: string
  /** With a key that begins so it holds something. */
  readonly sign: string
}

export type Known = Pick<Snapshot, 'clusterId' | 'revision'>

/** How long it is waited for what follows the first record: documents come in several transactions. */
export const REFILL_MS = 5000

/** In the place of the cluster id on disk: whatever is there at the next start is another datastore than the one that is kept. */
const KEPT = 'kept of '

/** What shows that the datastore that gives this list is not the one that is known, but another one in its place. */
export const isAnother = (
  known: Known | null,
  {clusterId, revision, isOtherHistory}: Pick<SourceBatch, 'clusterId' | 'revision' | 'isOtherHistory'>,
): boolean => known !== null && (clusterId !== known.clusterId || revision < known.revision || isOtherHistory === true)

/**
 * Guards what was known of one source against an etcd that comes up empty in the old one's place: data that was lost is no
 * word of anybody. What is deleted in the datastore that is known is somebody's act, and counts.
 *
 * What comes is seen twice, in the same order: `arrives` when it is read, so that nobody takes the source for heard
 * meanwhile, and `admitting` when all that came before it has been taken.
 */
export class EmptyGuard {
  readonly #trees: readonly Tree[]
  readonly #records: () => Iterable<RawRecord>
  readonly #refilled: () => void
  #known: Known | null
  /** Lists that lack trees which they would have if there had been anything. */
  readonly #doubtful = new Map<SourceBatch, readonly Tree[]>()
  /** With how many records each has. */
  #kept = new Map<Tree, number>()

  constructor(options: {
    readonly trees: readonly Tree[]
    /** As of the last start. */
    readonly known: Known | null
    /** All that was taken so far. */
    readonly records: () => Iterable<RawRecord>
    /** There is something again in a tree that is kept: what, a new list says. */
    readonly refilled: () => void
  }) {
    this.#trees = options.trees
    this.#known = options.known
    this.#records = options.records
    this.#refilled = options.refilled
  }

  /** What is in force is not what the datastore says. */
  get isKeeping(): boolean {
    return this.#kept.size + this.#doubtful.size > 0
  }

  /** What goes to disk as the cluster id. */
  clusterIdOf({clusterId}: SourceBatch): string {
    return this.#kept.size > 0 ? `${KEPT}${clusterId}` : clusterId
  }

  arrives(batch: SourceBatch): void {
    const before = this.#known
    this.#known = {clusterId: batch.clusterId, revision: batch.revision}
    if (batch.type === 'changes') return
    const inDoubt = new Set([...this.#doubtful.values()].flat())
    const lacking = emptyTrees(this.#trees, batch.upserts).filter(
      (tree) => isAnother(before, batch) || this.#kept.has(tree) || inDoubt.has(tree),
    )
    if (lacking.length > 0) this.#doubtful.set(batch, lacking)
  }

  /** What is to be taken of it; in small steps. */
  *admitting(batch: SourceBatch): Generator<void, SourceBatch> {
    if (batch.type === 'changes') return this.#kept.size > 0 ? this.#withoutKept(batch) : batch
    const lacking = this.#doubtful.get(batch) ?? []
    const held = new Map(lacking.map((tree) => [tree, [] as RawRecord[]]))
    for (const record of lacking.length > 0 ? this.#records() : []) {
      const tree = lacking.find(({prefix}) => record.key.startsWith(prefix))
      if (tree) held.get(tree)!.push(record)
      yield
    }
    for (const [tree, records] of held) if (!records.some(({key}) => key.startsWith(tree.sign))) held.delete(tree)
    this.#kept = new Map([...held].map(([tree, records]) => [tree, records.length]))
    this.#doubtful.delete(batch)
    if (held.size === 0) return batch
    const said = batch.upserts.filter(({key}) => ![...held.keys()].some(({prefix}) => key.startsWith(prefix)))
    return {...batch, upserts: [...said, ...[...held.values()].flat()]}
  }

  #withoutKept(batch: SourceBatch): SourceBatch {
    const kept = [...this.#kept.keys()]
    const isKept = (key: string): boolean => kept.some(({prefix}) => key.startsWith(prefix))
    if (emptyTrees(kept, batch.upserts).length < kept.length) this.#refilled()
    return {
      ...batch,
      upserts: batch.upserts.filter(({key}) => !isKept(key)),
      deletes: batch.deletes.filter((key) => !isKept(key)),
    }
  }

  /** Nothing is known of the source any more. */
  forget(): void {
    this.#kept.clear()
    this.#doubtful.clear()
    this.#known = null
  }

  findings(source: SourceId): readonly Finding[] {
    return [...this.#kept].map(([tree, records]) => emptied(source, tree, records))
  }
}

/** Those that hold nothing. */
const emptyTrees = (trees: readonly Tree[], records: readonly RawRecord[]): readonly Tree[] =>
  trees.filter(({sign}) => !records.some(({key}) => key.startsWith(sign)))

function emptied(source: SourceId, {prefix, sign}: Tree, records: number): Finding {
  const [kind, name] = source.split('/')
  const what = kind === 'export' ? `the etcd of site ${name}` : `the etcd of datastore ${name}`
  const meant =
    kind === 'export'
      ? `a gateway of that site writes ${sign}; \`isthmus site leave ${name}\` if it is gone`
      : `if it is meant to be empty, put a record below ${prefix}, and take it out again`
  return {
    code: 'datastore-emptied',
    severity: 'error',
    where: {source: source.replace('/', ' '), key: prefix},
    detail: `${what} is another one than before and has nothing below ${prefix}: the ${counted(records)} of the old one that are known stay in force`,
    remedy: `restore its backup; ${meant}`,
  }
}

const counted = (records: number): string => `${records} record${records === 1 ? '' : 's'}`
