import {EtcdPermissionDeniedError, type ICompare, type IRequestOp, type ITxnRequest} from 'etcd3'
import {connect, type EtcdConnection, type EtcdOptions, errorText} from './client.ts'
import {type Listed, rangeEnd, readPrefix} from './pages.ts'

/** Plain reading and writing of a datastore, over all its endpoints; made for `apply/etcd`. */
export interface EtcdKeyValues {
  /** One transaction; answers its revision. */
  write(put: readonly (readonly [key: string, value: string])[], deleted: readonly string[]): Promise<number>
  /** Everything below the prefixes, all at one revision. */
  list(prefixes: readonly string[]): Promise<Listed>
  /**
   * One transaction, done only if all of it still is as it was read. `null`: something is not, and nothing was written.
   * Where an answer was lost that may also mean that it was done: read again before you tell anybody.
   */
  swap(wanted: Swap): Promise<{readonly revision: number} | null>
  close(): void
}

export interface Swap {
  /** `text` null deletes. `modRevision` is the one that the key must have, 0 if it must not be there. */
  readonly changes: readonly {readonly key: string; readonly text: string | null; readonly modRevision: number}[]
  /** Keys that must be there. */
  readonly existing: readonly string[]
  /** Prefixes below which nothing may be newer than `since`. */
  readonly quiet: readonly string[]
  readonly since: number
  /** Keys that must still be the ones that were created then: the lease of whoever may write. */
  readonly guards?: readonly {readonly key: string; readonly createRevision: number}[]
}

/** The server answered, and says no: no other endpoint will say anything else. */
export class EtcdRefused extends Error {}

/** No endpoint answered; the message has the reason of each. */
export class EtcdUnreachable extends Error {}

/**
 * Each call goes to the endpoint that answered last, then to the others; only when none does is it an error. Writes
 * are puts and deletes, so one that was done although its answer was lost is done again without harm.
 */
export function openKeyValues(options: EtcdOptions): EtcdKeyValues {
  let connection: EtcdConnection | null = null
  let index = 0

  async function call<T>(run: (client: ReturnType<EtcdConnection['client']>) => Promise<T>): Promise<T> {
    const reasons: string[] = []
    for (const _ of options.endpoints) {
      try {
        connection ??= connect(options)
        return await run(connection.client(index))
      } catch (error) {
        if (error instanceof EtcdPermissionDeniedError) throw new EtcdRefused(errorText(error))
        reasons.push(`${options.endpoints[index % options.endpoints.length]}: ${errorText(error)}`)
        index = (index + 1) % options.endpoints.length
        connection?.close()
        connection = null
      }
    }
    throw new EtcdUnreachable(reasons.join('; '))
  }

  return {
    async write(put, deleted) {
      const success = [
        ...put.map(([key, value]) => ({request_put: {key: Buffer.from(key), value: Buffer.from(value)}})),
        ...deleted.map((key) => ({request_delete_range: {key: Buffer.from(key)}})),
      ]
      const {header} = await call((client) => client.kv.txn({success}))
      return Number(header.revision)
    },
    async list(prefixes) {
      return await call(async (client) => {
        const [first = '', ...others] = prefixes
        const listed = await readPrefix(client, first)
        const records = [...listed.records]
        for (const prefix of others) records.push(...(await readPrefix(client, prefix, listed.revision)).records)
        return {...listed, records}
      })
    },
    async swap(wanted) {
      const {succeeded, header} = await call((client) => client.kv.txn(toTransaction(wanted)))
      return succeeded ? {revision: Number(header.revision)} : null
    },
    close: () => connection?.close(),
  }
}

function toTransaction({changes, existing, quiet, since, guards = []}: Swap): ITxnRequest {
  const asRead = changes.map(
    ({key, modRevision}): ICompare => ({
      key: Buffer.from(key),
      target: 'Mod',
      result: 'Equal',
      mod_revision: String(modRevision),
    }),
  )
  const there = existing.map(
    (key): ICompare => ({key: Buffer.from(key), target: 'Create', result: 'Greater', create_revision: '0'}),
  )
  const still = quiet.map((prefix): ICompare => {
    const range = {key: Buffer.from(prefix), range_end: rangeEnd(prefix)}
    return {...range, target: 'Mod', result: 'Less', mod_revision: String(since + 1)}
  })
  const guarded = guards.map(
    ({key, createRevision}): ICompare => ({
      key: Buffer.from(key),
      target: 'Create',
      result: 'Equal',
      create_revision: String(createRevision),
    }),
  )
  const success = changes.map(
    ({key, text}): IRequestOp =>
      text === null
        ? {request_delete_range: {key: Buffer.from(key)}}
        : {request_put: {key: Buffer.from(key), value: Buffer.from(text)}},
  )
  return {compare: [...asRead, ...there, ...still, ...guarded], success}
}
