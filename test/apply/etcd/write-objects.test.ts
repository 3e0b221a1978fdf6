import assert from 'node:assert/strict'
import {type ObjectStore, writeObjects} from '../../../src/apply/index.ts'

type Change = Parameters<typeof writeObjects>[1][number]

/** Keys with their revisions, one transaction after another, as etcd has them. */
function memory(held: Record<string, number> = {}) {
  const revisions = new Map(Object.entries(held))
  const sizes: number[] = []
  const state = {revision: 100, terms: true, failAfter: Infinity}
  const store: ObjectStore = {
    async swap({changes}) {
      if (sizes.length >= state.failAfter) throw new Error('away')
      sizes.push(changes.length)
      if (!state.terms || changes.some(({key, modRevision}) => (revisions.get(key) ?? 0) !== modRevision)) return null
      state.revision++
      for (const {key, text} of changes) {
        if (text === null) revisions.delete(key)
        else revisions.set(key, state.revision)
      }
      return {revision: state.revision}
    },
  }
  return {store, revisions, sizes, state}
}

const TERMS = {guards: [], quiet: [], since: 9}
const put = (key: string, modRevision = 0, text = 'x'): Change => ({key, text, modRevision})
const gone = (key: string, modRevision: number): Change => ({key, text: null, modRevision})

async function write(store: ObjectStore, changes: readonly Change[], signal = new AbortController().signal) {
  const written: string[] = []
  const report = await writeObjects(store, changes, TERMS, (done) => written.push(...done.map(({key}) => key)), signal)
  return {...report, written}
}

describe('writeObjects', () => {
  it('250 objects are three transactions, and large ones part sooner', async () => {
    const many = memory()
    await write(
      many.store,
      Array.from({length: 250}, (_, i) => put(`k${i}`)),
    )
    assert.deepEqual(many.sizes, [100, 100, 50])
    const large = memory()
    const text = 'x'.repeat(400_000)
    await write(large.store, [put('a', 0, text), put('b', 0, text), put('c', 0, text)])
    assert.deepEqual(large.sizes, [2, 1])
  })

  it('one that somebody else changed meanwhile is left as it is, the others are written', async () => {
    const {store, revisions} = memory({b: 7})
    const {refused, written, failure} = await write(store, [put('a'), put('b', 6), put('c')])
    assert.deepEqual([refused, written, failure], [['b'], ['a', 'c'], null])
    assert.equal(revisions.get('b'), 7)
  })

  it('what goes stays as long as what comes in its place did not', async () => {
    const {store, revisions} = memory({half: 7, old: 5})
    const {refused, written} = await write(store, [put('half', 0), put('other'), gone('old', 5)])
    assert.deepEqual([refused, written], [['half', 'old'], ['other']])
    assert.equal(revisions.get('old'), 5)
    assert.deepEqual((await write(store, [gone('half', 6), gone('old', 5)])).written, ['old'])
  })

  it('where the terms do not hold, few transactions find it out', async () => {
    const {store, sizes, state} = memory()
    state.terms = false
    const changes = Array.from({length: 250}, (_, i) => put(`k${i}`))
    const {refused, written} = await write(store, changes)
    assert.equal(refused.length, 250)
    assert.deepEqual(written, [])
    assert.ok(sizes.length < 10, String(sizes.length))
  })

  it('a datastore that goes away in between has what was told as written, and no more', async () => {
    const {store, state, revisions} = memory()
    state.failAfter = 1
    const {failure, written} = await write(
      store,
      Array.from({length: 150}, (_, i) => put(`k${i}`)),
    )
    assert.equal(failure, 'away')
    assert.deepEqual(written, [...revisions.keys()])
    assert.equal(written.length, 100)
  })

  it('ends between two transactions when it is told to', async () => {
    const stop = new AbortController()
    stop.abort()
    const {store, sizes} = memory()
    assert.equal((await write(store, [put('a')], stop.signal)).failure, 'stopped')
    assert.deepEqual(sizes, [])
  })
})
