import assert from 'node:assert/strict'
import fc from 'fast-check'
import {HeldExport} from '../../../src/apply/etcd/held-export.ts'
import type {RawRecord} from '../../../src/model/index.ts'

interface Change {
  readonly key: string
  readonly text: string | null
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const recordsOf = (changes: readonly Change[], modRevision: number): RawRecord[] =>
  changes.flatMap(({key, text}) => (text === null ? [] : [{key, value: bytes(text), modRevision}]))
const deletesOf = (changes: readonly Change[]): string[] =>
  changes.flatMap(({key, text}) => (text === null ? [key] : []))

/** A datastore as a list of transactions; revision n is after the first n of them. */
class Store {
  readonly log: Change[][] = []

  write(changes: Change[]): number {
    return this.log.push(changes)
  }

  at(revision: number): Map<string, string> {
    const texts = new Map<string, string>()
    for (const {key, text} of this.log.slice(0, revision).flat()) {
      if (text === null) texts.delete(key)
      else texts.set(key, text)
    }
    return texts
  }
}

const change = fc.record({key: fc.constantFrom('a', 'b', 'c'), text: fc.constantFrom('1', '2', null)})
const changes = fc.uniqueArray(change, {minLength: 1, maxLength: 3, selector: ({key}) => key})
const event = fc.oneof(
  {weight: 3, arbitrary: fc.record({what: fc.constant('own' as const), changes, late: fc.boolean()})},
  {weight: 3, arbitrary: fc.record({what: fc.constant('foreign' as const), changes})},
  {
    weight: 4,
    arbitrary: fc.record({what: fc.constant('watch' as const), share: fc.double({min: 0, max: 1, noNaN: true})}),
  },
  {
    weight: 2,
    arbitrary: fc.record({what: fc.constant('answer' as const), share: fc.double({min: 0, max: 0.99, noNaN: true})}),
  },
  {weight: 1, arbitrary: fc.record({what: fc.constant('list' as const)})},
)

describe('HeldExport', () => {
  it('is what the datastore holds, but for what others did and the watch is still to tell', () => {
    fc.assert(
      fc.property(fc.array(event, {maxLength: 30}), (events) => {
        const store = new Store()
        const held = new HeldExport()
        held.take({type: 'list', revision: 0, upserts: [], deletes: []})
        let told = 0
        const answers: (() => void)[] = []
        const tell = (upTo: number): void => {
          for (; told < upTo; told++) {
            const done = store.log[told]!
            held.take({
              type: 'changes',
              revision: told + 1,
              upserts: recordsOf(done, told + 1),
              deletes: deletesOf(done),
            })
          }
        }
        for (const one of events) {
          if (one.what === 'foreign') store.write(one.changes)
          if (one.what === 'own') {
            const revision = store.write(one.changes)
            const put = one.changes.flatMap(({key, text}) => (text === null ? [] : [[key, text] as const]))
            const answer = (): void => held.wrote(put, deletesOf(one.changes), revision)
            // The answer to a transaction may come after the watch has told of it, and after those to later ones.
            if (one.late) answers.push(answer)
            else answer()
          }
          if (one.what === 'answer') answers.splice(Math.floor(one.share * answers.length), 1)[0]?.()
          if (one.what === 'watch') tell(told + Math.round(one.share * (store.log.length - told)))
          if (one.what === 'list') {
            told = store.log.length
            const upserts = [...store.at(told)].map(([key, text]) => ({key, value: bytes(text), modRevision: told}))
            held.take({type: 'list', revision: told, upserts, deletes: []})
          }
        }
        for (const answer of answers) answer()
        tell(store.log.length)
        assert.deepEqual(new Map(held.records.texts), store.at(store.log.length))
      }),
      {numRuns: 1000},
    )
  })

  it('knows its own write at once, and does not take the watch’s older word for it', () => {
    const held = new HeldExport()
    held.take({type: 'list', revision: 1, upserts: [], deletes: []})
    held.wrote([['a', 'mine']], [], 3)
    assert.equal(held.records.texts.get('a'), 'mine')
    const older = {type: 'changes' as const, revision: 2, upserts: [{key: 'a', value: bytes('theirs'), modRevision: 2}]}
    assert.equal(held.take({...older, deletes: []}), false)
    assert.equal(held.records.texts.get('a'), 'mine')
    assert.equal(held.take({type: 'changes', revision: 4, upserts: [], deletes: ['a']}), true)
    assert.equal(held.records.texts.has('a'), false)
  })

  it('takes a foreign change of what it wrote, also when the answer to a later transaction came first', () => {
    const held = new HeldExport()
    held.take({type: 'list', revision: 10, upserts: [], deletes: []})
    held.wrote([['b', '1']], [], 13)
    held.wrote([['a', '1']], [], 11)
    const foreign = {key: 'a', value: bytes('theirs'), modRevision: 12}
    held.take({type: 'changes', revision: 12, upserts: [foreign], deletes: []})
    assert.equal(held.records.texts.get('a'), 'theirs')
  })

  it('knows whose records there are', () => {
    const held = new HeldExport()
    const key = (rest: string): string => `/isthmus/v1/export/${rest}`
    const rests = [
      'endpoints/main/10.1.0.1/x',
      'endpoints/main/10.1.0.2/x',
      'local/second/tiers/t',
      'gateways/a2',
      'meta',
    ]
    const upserts = rests.map((rest) => ({key: key(rest), value: bytes('1'), modRevision: 1}))
    held.take({type: 'list', revision: 1, upserts, deletes: []})
    assert.deepEqual(held.owners(), ['datastore/main', 'datastore/second', 'gateway/a2'])
    held.wrote([[key('endpoints/main/10.1.0.1/x'), '2']], [key('endpoints/main/10.1.0.2/x'), key('gateways/a2')], 2)
    assert.deepEqual(held.owners(), ['datastore/main', 'datastore/second'])
    held.take({type: 'list', revision: 3, upserts: upserts.slice(2, 3), deletes: []})
    assert.deepEqual(held.owners(), ['datastore/second'])
  })

  it('believes the list of a datastore that was restored and is behind', () => {
    const held = new HeldExport()
    held.take({type: 'list', revision: 10, upserts: [], deletes: []})
    held.wrote([['a', '1']], [], 11)
    assert.equal(held.take({type: 'list', revision: 3, upserts: [], deletes: []}), true)
    assert.equal(held.records.texts.size, 0)
  })
})
