import type {ICompare, IRequestOp, ITxnRequest} from 'etcd3'
import type {KeyHold} from '../model/index.ts'
import {openCalls} from './calls.ts'
import type {EtcdOptions} from './client.ts'
import {type Listed, rangeEnd, readPrefix} from './pages.ts'

/** Plain reading and writing of a datastore, over all its endpoints; made for `apply/etcd`. */
export interface EtcdKeyValues {
  /** One transaction; answers its revision, or null: one of the holds is no more, and nothing was written. */
  write(
    put: readonly (readonly [key: string, value: string])[],
    deleted: readonly string[],
    holds: readonly KeyHold[],
  ): Promise<number | null>
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

/** Writes are puts and deletes, so one that was done although its answer was lost is done again without harm. */
export function openKeyValues(options: EtcdOptions): EtcdKeyValues {
  const {call, close} = openCalls(options)
  return {
    async write(put, deleted, holds) {
      const success = [
        ...put.map(([key, value]) => ({request_put: {key: Buffer.from(key), value: Buffer.from(value)}})),
        ...deleted.map((key) => ({request_delete_range: {key: Buffer.from(key)}})),
      ]
      const compare = heldCompares(holds)
      const {succeeded, header} = await call((client) => client.kv.txn({compare, success}))
      return succeeded ? Number(header.revision) : null
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
    close,
  }
}

/** By the revision of the last write: a key that went and came again, or that another wrote over, is not held. */
export const heldCompares = (holds: readonly KeyHold[]): ICompare[] =>
  holds.map(({key, modRevision}) => ({
    key: Buffer.from(key),
    target: 'Mod',
    result: 'Equal',
    mod_revision: String(modRevision),
  }))

function toTransaction({changes, existing, quiet, since, guards = []}: Swap): ITxnRequest {
  const asRead = heldCompares(changes)
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
