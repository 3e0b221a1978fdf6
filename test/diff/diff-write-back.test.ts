import assert from 'node:assert/strict'
import fc from 'fast-check'
import {diffWriteBack, type Settled, type WriteBackDifference} from '../../src/diff/index.ts'
import {HeldObjects} from '../../src/writeback/index.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, site} from '../support/sites.ts'

const IDENTITY = {uid: 'u', creationTimestamp: '2026-01-02T03:04:05Z'}
const key = (path: string): string => CALICO + path
const document = (spec: object, more: object = {}): string =>
  JSON.stringify({metadata: {name: 'x', annotations: {'isthmus.io/owner': 'a'}, ...more}, spec})

const POOL = key('ippools/isthmus-b-10-2-0-0-16')
const SET = key('globalnetworksets/isthmus-b-0011223344556677')
const pool = document({cidr: '10.2.0.0/16', disabled: true})
const set = document({nets: ['10.2.0.1/32']})

/** A datastore in memory, with its revisions; who writes through it is told apart by nothing. */
class Store {
  readonly texts = new Map<string, {readonly text: string; readonly modRevision: number}>()
  readonly held = new HeldObjects(site('a'))
  revision = 1

  put(at: string, text: string | null): void {
    this.revision++
    if (text === null) this.texts.delete(at)
    else this.texts.set(at, {text, modRevision: this.revision})
  }

  look(): void {
    const upserts = [...this.texts].map(([at, {text, modRevision}]) => rawRecord(at, text, modRevision))
    this.held.take({type: 'list', revision: this.revision, upserts, deletes: []})
  }

  bring(
    wanted: ReadonlyMap<string, string>,
    mayPrune = true,
    settled?: ReadonlyMap<string, Settled>,
  ): WriteBackDifference {
    this.look()
    const difference = diffWriteBack({
      wanted,
      held: this.held.objects,
      mayPrune: () => mayPrune,
      settled: settled ?? new Map(),
      identity: () => IDENTITY,
      source: 'datastore main',
      site: site('a'),
    })
    for (const {key: at, text, modRevision} of difference.changes) {
      assert.equal(this.texts.get(at)?.modRevision ?? 0, modRevision)
      this.put(at, text)
    }
    return difference
  }
}

describe('diffWriteBack', () => {
  const cases: {
    name: string
    held: Record<string, string>
    wanted?: Record<string, string>
    mayPrune?: boolean
    states: Record<string, string>
    said?: RegExp[]
    against?: string[]
  }[] = [
    {name: 'what is missing is made', held: {}, wanted: {[POOL]: pool}, states: {[POOL]: 'create'}},
    {
      name: 'what is not wanted goes',
      held: {[SET]: set},
      states: {[SET]: 'delete'},
    },
    {
      name: 'but not while nobody knows whether it is wanted',
      ...{held: {[SET]: set}, mayPrune: false},
      states: {[SET]: 'kept'},
    },
    {
      name: 'an object of somebody else under a name of ours',
      ...{held: {[SET]: '{"spec":{}}'}, wanted: {[SET]: set, [POOL]: pool}},
      states: {[SET]: 'conflict', [POOL]: 'create'},
      said: [/globalnetworksets\/isthmus-b-0011223344556677 is not this site's: it is left alone/],
      against: ['globalnetworksets/isthmus-b-0011223344556677'],
    },
    {
      name: "another site's, though it is Isthmus' too",
      held: {[SET]: set.replace('"a"', '"z"')},
      wanted: {[SET]: set},
      states: {[SET]: 'conflict'},
      said: [/not this site's/],
    },
    {
      name: 'no JSON under a name of ours',
      ...{held: {[SET]: '{"isthmus.io/owner":"a"'}, wanted: {[SET]: set}},
      states: {[SET]: 'conflict'},
      said: [/not this site's/],
    },
    {
      name: 'a copy that somebody made of ours, annotation and all',
      held: {[key('globalnetworksets/mine')]: set, [key('globalnetworksets/theirs')]: set.replace('"a"', '"z"')},
      states: {},
    },
    {
      name: "somebody else's pool over the same addresses: ours goes, or does not come",
      held: {[POOL]: pool, [key('ippools/theirs')]: '{"spec":{"cidr":"10.0.0.0/8"}}'},
      wanted: {[POOL]: pool, [SET]: set},
      states: {[POOL]: 'conflict', [SET]: 'create'},
      said: [/ippools\/theirs covers addresses of it/],
      against: ['ippools/theirs'],
    },
    {
      name: "somebody else's pool beside it, and one that is none",
      held: {
        [key('ippools/theirs')]: '{"spec":{"cidr":"10.3.0.0/16"}}',
        [key('ippools/odd')]: '{"spec":{"cidr":"10.2.0.0"}}',
      },
      wanted: {[POOL]: pool},
      states: {[POOL]: 'create'},
    },
  ]
  for (const {name, held, wanted = {}, mayPrune = true, states, said = [], against = null} of cases) {
    it(name, () => {
      const store = new Store()
      for (const [at, text] of Object.entries(held)) store.put(at, text)
      const difference = store.bring(new Map(Object.entries(wanted)), mayPrune)
      assert.deepEqual(Object.fromEntries(difference.states), states)
      assert.equal(difference.findings.length, said.length)
      for (const [index, pattern] of said.entries()) assert.match(difference.findings[index]!.detail, pattern)
      // Both sides, for `isthmus get conflicts`: what is there counts.
      const conflicts = difference.findings.map(({where, conflict}) => {
        const path = where.key!.slice(CALICO.length)
        assert.equal(conflict?.over, path)
        assert.deepEqual(conflict.sides[1], {site: 'a', says: `write-back of ${path}`})
        assert.equal(conflict.firstCounts, true)
        return conflict.sides[0]!.says
      })
      const theirs = against?.map((one) => `${one} (datastore main), of somebody else`)
      if (theirs) assert.deepEqual(conflicts, theirs)
    })
  }

  it('what goes is behind what comes', () => {
    const store = new Store()
    store.put(SET, set)
    const {changes} = store.bring(new Map([[`${SET}-0`, set]]))
    assert.deepEqual(
      changes.map(({key: at}) => at),
      [`${SET}-0`, SET],
    )
  })

  it('a pair that was found equal is looked at again when either changes', () => {
    const store = new Store()
    store.bring(new Map([[SET, set]]))
    const {settled} = store.bring(new Map([[SET, set]]))
    assert.equal(settled.size, 1)
    store.put(SET, document({nets: ['10.2.0.9/32']}))
    assert.equal(store.bring(new Map([[SET, set]]), true, settled).changes.length, 1)
    const other = document({nets: ['10.2.0.2/32']})
    assert.equal(store.bring(new Map([[SET, other]]), true, settled).changes.length, 1)
  })

  it('brings any datastore to what is wanted in one step, touches nothing else, and then rests', () => {
    const paths = ['globalnetworksets/isthmus-b-1', 'globalnetworksets/isthmus-b-2', 'networksets/shop/isthmus-b-1']
    const others = [
      'globalnetworksets/web',
      'ippools/isthmus-b-10-2-0-0-16',
      'ippools/default',
      'bgppeers/isthmus-a-peer',
    ]
    const spec = fc.constantFrom({nets: ['10.2.0.1/32']}, {nets: []}, {cidr: '10.2.0.0/16'}, {cidr: '10.0.0.0/8'}, {})
    const owner = fc.constantFrom('a', 'a', 'z', null)
    const stored = fc.tuple(spec, owner, fc.boolean()).map(([body, by, more]) =>
      JSON.stringify({
        metadata: {
          uid: 'old',
          creationTimestamp: 'then',
          ...(by === null ? {} : {annotations: {'isthmus.io/owner': by}}),
        },
        spec: {...body, ...(more ? {future: 1} : {})},
      }),
    )
    const path = fc.constantFrom(...paths, ...others)
    const ours = path.filter((one) => one.includes('/isthmus-'))
    fc.assert(
      fc.property(
        fc.dictionary(path, stored),
        fc.dictionary(
          ours,
          spec.map((body) => document(body)),
        ),
        (before, want) => {
          const store = new Store()
          for (const [at, text] of Object.entries(before)) store.put(key(at), text)
          const foreign = Object.entries(before).filter(
            ([at, text]) => !text.includes('"isthmus.io/owner":"a"') || !at.includes('/isthmus-'),
          )
          const wanted = new Map(Object.entries(want).map(([at, text]) => [key(at), text]))
          const {states} = store.bring(wanted)
          for (const [at, text] of foreign) assert.equal(store.texts.get(key(at))?.text, text, 'byte for byte')
          for (const [at, {text}] of store.texts) {
            const isForeign = foreign.some(([other]) => key(other) === at)
            if (!isForeign) assert.ok(wanted.has(at) && states.get(at) !== 'conflict', 'ours and wanted')
            const had = before[at.slice(CALICO.length)]
            if (had?.includes('future') && !isForeign) assert.match(text, /"future":1/)
            if (had && !isForeign) assert.match(text, /"uid":"old","creationTimestamp":"then"/)
          }
          for (const [at, text] of wanted) {
            if (states.get(at) === 'conflict') continue
            const now = store.texts.get(at)!.text
            const body = JSON.parse(now).spec
            for (const [field, value] of Object.entries(JSON.parse(text).spec)) assert.deepEqual(body[field], value)
          }
          assert.deepEqual(store.bring(wanted).changes, [], 'twice is once')
          store.bring(new Map())
          const left = [...store.texts].map(([at, {text}]) => [at.slice(CALICO.length), text])
          assert.deepEqual(left.sort(), foreign.sort(), 'nothing wanted: no trace')
        },
      ),
      {numRuns: 500},
    )
  })
})

describe('HeldObjects', () => {
  it('what the watch tells of a key that a later write of ours changed is old', () => {
    const held = new HeldObjects(site('a'))
    held.take({type: 'list', revision: 5, upserts: [rawRecord(SET, set, 3)], deletes: []})
    held.wrote([{key: SET, text: 'mine', modRevision: 3}], 8)
    assert.equal(held.take({type: 'changes', revision: 7, upserts: [rawRecord(SET, set, 7)], deletes: []}), false)
    assert.equal(held.objects.get(SET)?.text, 'mine')
    held.take({type: 'changes', revision: 8, upserts: [rawRecord(SET, set, 8)], deletes: []})
    assert.equal(held.objects.get(SET)?.text, set)
    held.wrote([{key: SET, text: null, modRevision: 8}], 9)
    assert.equal(held.objects.has(SET), false)
    assert.equal(held.take({type: 'changes', revision: 10, upserts: [rawRecord(SET, set, 10)], deletes: []}), true)
    assert.equal(held.objects.get(SET)?.modRevision, 10)
  })

  it('a datastore that says it is not ready is locked until it says otherwise', () => {
    const held = new HeldObjects(site('a'))
    const at = key('clusterinformations/default')
    const say = (spec: object, revision: number): boolean =>
      held.take({type: 'changes', revision, upserts: [rawRecord(at, {spec}, revision)], deletes: []})
    assert.equal(say({datastoreReady: false}, 2), true)
    assert.equal(held.isLocked, true)
    assert.equal(say({datastoreReady: true}, 3), true)
    assert.equal(held.isLocked, false)
    say({datastoreReady: false}, 4)
    held.take({type: 'list', revision: 5, upserts: [], deletes: []})
    assert.equal(held.isLocked, false)
  })
})
