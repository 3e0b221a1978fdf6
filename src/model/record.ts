import type {SourceId} from './ids.ts'

/** One key of a datastore, as read. `value` is the exact bytes; decoding to text is decode's business. */
export interface RawRecord {
  readonly key: string
  readonly value: Uint8Array
  readonly modRevision: number
}

/**
 * What one datastore said: the whole list (`list`, which replaces all that was known) or changes to it. A list that
 * follows a compaction is a list like any other: the reader computes the difference and never flushes first.
 */
export interface SourceBatch {
  readonly source: SourceId
  readonly type: 'list' | 'changes'
  readonly revision: number
  readonly clusterId: string
  /** Of a list: what was read before is no past of this datastore (a backup, a rebuilt cluster), whatever its cluster id. */
  readonly isOtherHistory?: boolean
  readonly upserts: readonly RawRecord[]
  /** Keys that went; empty in a list. */
  readonly deletes: readonly string[]
}
