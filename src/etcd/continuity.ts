import type {Etcd3} from 'etcd3'
import type {RawRecord} from '../model/index.ts'
import {errorText, isTooLarge} from './errors.ts'
import {isUnread, rangeEnd} from './pages.ts'

/** The newest record that was handed on: what the history of this datastore must have in it, at that revision. */
export type Mark = RawRecord

/** The newer of a mark and of records. */
export function newestMark(mark: Mark | null, records: readonly RawRecord[]): Mark | null {
  let newest = mark
  for (const record of records) if (record.modRevision > (newest?.modRevision ?? 0)) newest = record
  // A copy: the value is a part of the message that it came in, whole pages of a list.
  return newest && newest !== mark ? {...newest, value: Buffer.from(newest.value)} : newest
}

export interface ReadHistory {
  readonly clusterId: string | null
  readonly mark: Mark | null
  /** Prefix → revision from which a watch would go on. */
  readonly next: ReadonlyMap<string, number>
}

/**
 * What shows that the datastore that answers now has not the history that was read; null: nothing does. One restored from a backup may have the old
 * cluster id (it is made of the members' names and addresses), and after some writes a revision beyond ours: a watch
 * would go on from there, and what differs before would stay for ever.
 */
export async function brokenHistory(client: Etcd3, history: ReadHistory): Promise<'cluster' | 'revision' | null> {
  const {clusterId, mark, next} = history
  const from = (mark?.modRevision ?? 0) + 1
  // Between the newest that was handed on and where the watch goes on there was nothing, so nothing may be there now.
  for (const [prefix, revision] of next) {
    const {header, kvs} = await client.kv.range({
      ...{key: Buffer.from(prefix), range_end: rangeEnd(prefix), limit: 1, keys_only: true},
      ...{min_mod_revision: String(from), max_mod_revision: String(Math.max(from, revision - 1))},
    })
    if (header.cluster_id !== clusterId) return 'cluster'
    if (kvs.length > 0 && from < revision) return 'revision'
  }
  return mark && !(await hasMark(client, mark)) ? 'revision' : null
}

/** With its value: who restores a backup to take back a change makes the right one next, under the same key and revision. */
async function hasMark(client: Etcd3, {key, value, modRevision}: Mark): Promise<boolean> {
  try {
    const {kvs} = await client.kv.range({key: Buffer.from(key), revision: String(modRevision)})
    const [held] = kvs
    return held?.mod_revision === String(modRevision) && Buffer.compare(held.value, value) === 0
  } catch (error) {
    if (isTooLarge(error)) return isUnread(value)
    const text = errorText(error)
    if (/future revision/.test(text)) return false
    // Compacted beneath us, as every datastore is after a while: the watch itself says whether it can go on.
    if (/compacted/.test(text)) return true
    throw error
  }
}
