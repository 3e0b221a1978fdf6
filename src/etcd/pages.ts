import type {Etcd3} from 'etcd3'
import type {RawRecord} from '../model/index.ts'

/** Keys a page: 5,000 of 0.5 KB are some 2.5 MB, under etcd's own bounds and quick to send. */
const PAGE = 1000

export interface Listed {
  readonly records: readonly RawRecord[]
  /** What the list was taken at; the watch goes on from the next one. */
  readonly revision: number
  readonly clusterId: string
}

interface KeyValue {
  readonly key: Buffer
  readonly value: Buffer
  readonly mod_revision: string
}

export const toRecord = ({key, value, mod_revision}: KeyValue): RawRecord => ({
  key: key.toString('utf8'),
  value,
  modRevision: Number(mod_revision),
})

/** The end of the range of all keys that begin with `prefix`: its last byte that can grow, grown. */
export function rangeEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix)
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! === 0xff) continue
    end[i] = end[i]! + 1
    return end.subarray(0, i + 1)
  }
  return Buffer.from([0])
}

/** Every key below a prefix, in pages, all at one revision (of the first page, or the one given). */
export async function readPrefix(client: Etcd3, prefix: string, atRevision?: number): Promise<Listed> {
  const records: RawRecord[] = []
  const end = rangeEnd(prefix)
  let from: Buffer = Buffer.from(prefix)
  let revision = atRevision
  for (;;) {
    const page = await client.kv.range({
      key: from,
      range_end: end,
      limit: PAGE,
      ...(revision === undefined ? {} : {revision}),
    })
    revision ??= Number(page.header.revision)
    for (const pair of page.kvs) records.push(toRecord(pair))
    const last = page.kvs.at(-1)
    if (!page.more || !last) return {records, revision, clusterId: page.header.cluster_id}
    from = Buffer.concat([last.key, Buffer.from([0])])
  }
}
