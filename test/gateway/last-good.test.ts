import assert from 'node:assert/strict'
import fc from 'fast-check'
import {decodeRecord} from '../../src/decode/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {RawMemory} from '../../src/gateway/raw-memory.ts'
import type {DecodedBatch, RawRecord, SourceBatch} from '../../src/model/index.ts'
import {seed} from '../policy/random-world.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, ISTHMUS} from '../support/sites.ts'

const keyOf = (name: number): string => `${ISTHMUS}globalnetworkpolicies/p${name}`
const specOf = {
  good: (order: number): unknown => ({order}),
  /** Readable as far as tier, selector and types. */
  half: (order: number): unknown => ({order, ingress: [{action: 'Perhaps'}]}),
  unreadable: (order: number): unknown => ({order, selector: 'a = b'}),
}

/** What happens to one of three policies; `relist` and `restart` happen to the reader. */
const event = fc.record({
  what: fc.constantFrom('good', 'half', 'half', 'unreadable', 'delete', 'relist', 'restart'),
  name: fc.integer({min: 0, max: 2}),
})

const decoded = (batch: SourceBatch): DecodedBatch => ({
  ...batch,
  upserts: batch.upserts.map((record) => decodeRecord(record)),
})

/** A gateway, as far as it remembers a source: the federation, and what lies on disk. */
function reader() {
  let federation = new Federation(configOf())
  let memory = new RawMemory()
  let disk: {all: readonly RawRecord[]; good: readonly RawRecord[]} = {all: [], good: []}
  const batchOf = (type: SourceBatch['type'], upserts: readonly RawRecord[], deletes: readonly string[] = []) =>
    ({source: 'datastore/main', type, revision: 1, clusterId: 'c', upserts, deletes}) as const
  const take = (batch: SourceBatch): void => {
    federation.update(decoded(batch))
    memory.take(batch, decoded(batch))
    disk = {all: [...memory.records], good: memory.takeGood() ?? disk.good}
  }
  return {
    changes: (revision: number, upserts: readonly RawRecord[], deletes: readonly string[] = []) =>
      take({...batchOf('changes', upserts, deletes), revision}),
    list: (revision: number, records: readonly RawRecord[]) => take({...batchOf('list', records), revision}),
    restart() {
      federation = new Federation(configOf())
      memory = new RawMemory()
      for (const records of [disk.good, disk.all]) {
        const batch = batchOf('list', records)
        memory.take(batch, decoded(batch))
        federation.restore(decoded(batch))
      }
    },
    inForce: () =>
      federation
        .world()
        .policies.policies.map(({meta, order, refused}) => `${meta.name} ${order} ${refused ?? 'good'}`),
  }
}

describe(`the last good version (SEED=${seed})`, () => {
  it('is what counts after any history of good, broken and deleted documents, lists and restarts', () => {
    fc.assert(
      fc.property(fc.array(event, {maxLength: 25, size: 'max'}), (events) => {
        const stored = new Map<string, RawRecord>()
        /** By key: the last good order since the key is there, and what the stored version says. */
        const known = new Map<string, {good: number | null; kind: keyof typeof specOf; order: number}>()
        const {changes, list, restart, inForce} = reader()
        for (const [index, {what, name}] of events.entries()) {
          const [key, revision] = [keyOf(name), index + 10]
          if (what === 'relist') list(revision, [...stored.values()])
          else if (what === 'restart') restart()
          else if (what === 'delete') {
            changes(revision, [], [key])
            stored.delete(key)
            known.delete(key)
          } else {
            const record = rawRecord(key, {spec: specOf[what](index)}, revision)
            changes(revision, [record])
            stored.set(key, record)
            const good = what === 'good' ? index : (known.get(key)?.good ?? null)
            known.set(key, {good, kind: what, order: index})
          }
          const want = [...known].flatMap(([at, {good, kind, order}]) => {
            const policy = at.slice(-2)
            if (good !== null) return [`${policy} ${good} good`]
            return kind === 'half' ? [`${policy} ${order} true`] : []
          })
          assert.deepEqual(inForce().sort(), want.sort(), `after event ${index}`)
        }
      }),
      {seed, numRuns: 200},
    )
  })
})
