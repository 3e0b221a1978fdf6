import type {Etcd3} from 'etcd3'
import type {RawRecord} from '../model/index.ts'
import {isTooLarge} from './errors.ts'
import {excess, OverLimits, type SourceLimits} from './limits.ts'

/**
 * Keys a page: 5,000 of 0.5 KB are some 2.5 MB, quick to send and taken in 25 ms. For each page etcd counts all keys that
 * are left: 100,000 keys in pages of 1,000 take it 2.5 s of processor time, in these 0.7 s.
 */
export const LARGEST_PAGE = 5000

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

/** What a value is read as that does not fit in a message: no kind of record, so decode refuses it by its key. */
const TOO_LARGE = Buffer.from('a value that is too large to be read')

export const isUnread = (value: Uint8Array): boolean => TOO_LARGE.equals(value)

/**
 * Every key below a prefix, in pages, all at one revision (of the first page, or the one given). Pages that do not fit in a
 * message are asked for in smaller ones; none has more than `mostKeys`. With limits keys are counted before anything is read; throws `OverLimits`.
 */
export async function readPrefix(
  client: Etcd3,
  prefix: string,
  atRevision?: number,
  limits: SourceLimits | null = null,
  mostKeys = LARGEST_PAGE,
): Promise<Listed> {
  if (limits) await refuseExcess(client, prefix, limits)
  const records: RawRecord[] = []
  const range_end = rangeEnd(prefix)
  let from: Buffer = Buffer.from(prefix)
  let revision = atRevision
  let limit = mostKeys
  let bytes = 0
  for (;;) {
    const at = revision === undefined ? {} : {revision}
    const page = await readPage(client, {key: from, range_end, limit, ...at})
    if (page === null) {
      limit = Math.max(1, Math.floor(limit / 8))
      continue
    }
    limit = Math.min(mostKeys, limit * 2)
    revision ??= Number(page.header.revision)
    for (const pair of page.kvs) {
      records.push(toRecord(pair))
      bytes += pair.key.byteLength + pair.value.byteLength
    }
    const over = limits && excess({keys: records.length, bytes, below: []}, {...limits, below: []})
    if (over) throw new OverLimits(over)
    const last = page.kvs.at(-1)
    if (!page.more || !last) return {records, revision, clusterId: page.header.cluster_id}
    from = Buffer.concat([last.key, Buffer.from([0])])
  }
}

/** etcd counts some two million keys a second, on a machine that has other things to do. */
const COUNT_WITHIN_MS = 60_000

/** By etcd's own count, which costs it little and us nothing. */
async function refuseExcess(client: Etcd3, prefix: string, limits: SourceLimits): Promise<void> {
  const countOf = async (below: string): Promise<number> => {
    const all = {key: Buffer.from(below), range_end: rangeEnd(below), count_only: true}
    return Number((await client.kv.range(all, {deadline: Date.now() + COUNT_WITHIN_MS})).count)
  }
  const [keys, ...below] = await Promise.all([prefix, ...limits.below.map((limit) => limit.prefix)].map(countOf))
  const over = excess({keys: keys!, bytes: 0, below}, limits)
  if (over) throw new OverLimits(over)
}

/** null: it does not fit in a message, and a smaller one may; of a single key that does not, the key alone is read. */
async function readPage(client: Etcd3, request: Parameters<Etcd3['kv']['range']>[0] & {readonly limit: number}) {
  try {
    return await client.kv.range(request)
  } catch (error) {
    if (!isTooLarge(error)) throw error
    if (request.limit > 1) return null
    const page = await client.kv.range({...request, keys_only: true})
    return {...page, kvs: page.kvs.map((pair) => ({...pair, value: TOO_LARGE}))}
  }
}
