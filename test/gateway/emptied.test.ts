import assert from 'node:assert/strict'
import {EmptyGuard, isAnother, type Known, type Tree} from '../../src/gateway/emptied.ts'
import type {RawRecord, SourceBatch} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'

const DOCUMENTS: Tree = {prefix: '/d/', sign: '/d/'}
const EXPORT: Tree = {prefix: '/e/', sign: '/e/meta'}
const KNOWN: Known = {clusterId: 'old', revision: 9}

const records = (keys: readonly string[]): RawRecord[] => keys.map((key) => rawRecord(key, {}, 9))
const batchOf = (batch: Partial<SourceBatch>, keys: readonly string[]): SourceBatch => ({
  ...{source: 'export/b', type: 'list', revision: 9, clusterId: 'new', deletes: []},
  ...batch,
  upserts: records(keys),
})
function guardOf(known: Known | null, held: readonly string[]) {
  let taken = [...held]
  let refills = 0
  const guard = new EmptyGuard({
    ...{trees: [DOCUMENTS, EXPORT], known, records: () => records(taken)},
    refilled: () => refills++,
  })
  const take = (batch: SourceBatch): string => {
    guard.arrives(batch)
    const steps = guard.admitting(batch)
    let step = steps.next()
    while (!step.done) step = steps.next()
    const keys = step.value.upserts.map(({key}) => key)
    const gone = (key: string): boolean => batch.type === 'list' || step.value!.deletes.includes(key)
    taken = [...taken.filter((key) => !gone(key) && !keys.includes(key)), ...keys]
    return taken.sort().join(' ')
  }
  return {guard, take, refills: () => refills}
}
const keptBy = (guard: EmptyGuard): string =>
  guard
    .findings('export/b')
    .map(({where}) => where.key)
    .join(' ')

describe('the guard against an etcd that lost its data', () => {
  it('knows another datastore in the place of the one that is known', () => {
    const cases: readonly [Known | null, Partial<SourceBatch>, boolean][] = [
      [null, {}, false],
      [KNOWN, {clusterId: 'old', revision: 9}, false],
      [KNOWN, {clusterId: 'old', revision: 10}, false],
      [KNOWN, {clusterId: 'new', revision: 10}, true],
      [KNOWN, {clusterId: 'old', revision: 8}, true],
      [KNOWN, {clusterId: 'old', revision: 10, isOtherHistory: true}, true],
    ]
    for (const [known, batch, is] of cases)
      assert.equal(isAnother(known, batchOf(batch, [])), is, JSON.stringify(batch))
  })

  it('keeps each tree that held something and has nothing now, of no other datastore and no other tree', () => {
    const all = ['/d/p', '/e/a', '/e/meta']
    const cases: readonly [string, Known | null, string[], Partial<SourceBatch>, string[], string, string][] = [
      ['all of it', KNOWN, all, {}, [], '/d/p /e/a /e/meta', '/d/ /e/'],
      ['beside what there is', KNOWN, all, {}, ['/x/g'], '/d/p /e/a /e/meta /x/g', '/d/ /e/'],
      ['one of two', KNOWN, all, {}, ['/e/b', '/e/meta'], '/d/p /e/b /e/meta', '/d/'],
      ['half of an export', KNOWN, all, {}, ['/d/q', '/e/b'], '/d/q /e/a /e/meta', '/e/'],
      ['what never was whole', KNOWN, ['/e/a'], {}, [], '', ''],
      ['nothing known', null, [], {}, ['/d/p'], '/d/p', ''],
      ['deleted', KNOWN, all, {clusterId: 'old', revision: 10}, [], '', ''],
      ['of a backup', KNOWN, all, {clusterId: 'old', revision: 3}, ['/e/meta'], '/d/p /e/meta', '/d/'],
    ]
    for (const [name, known, held, batch, said, taken, kept] of cases) {
      const {guard, take} = guardOf(known, held)
      assert.deepEqual([take(batchOf(batch, said)), keptBy(guard), guard.isKeeping], [taken, kept, kept !== ''], name)
    }
  })

  it('keeps it until a list has something, whatever comes meanwhile; then all that is said counts', () => {
    const {guard, take, refills} = guardOf(KNOWN, ['/d/p', '/d/q'])
    assert.equal(take(batchOf({}, [])), '/d/p /d/q')
    assert.equal(take(batchOf({type: 'changes', revision: 10}, ['/x/g'])), '/d/p /d/q /x/g')
    assert.equal(refills(), 0)
    assert.equal(take(batchOf({type: 'changes', revision: 11, deletes: ['/d/p', '/x/g']}, ['/d/r'])), '/d/p /d/q')
    assert.deepEqual([refills(), keptBy(guard)], [1, '/d/'])
    assert.equal(take(batchOf({revision: 12}, [])), '/d/p /d/q', 'listed again, and it is gone already')
    assert.match(guard.clusterIdOf(batchOf({}, [])), /^kept of new$/)
    assert.equal(take(batchOf({revision: 13}, ['/d/r'])), '/d/r')
    assert.deepEqual([keptBy(guard), guard.isKeeping, guard.clusterIdOf(batchOf({}, []))], ['', false, 'new'])
    assert.equal(take(batchOf({revision: 14}, [])), '', 'its own emptiness is believed')
  })

  it('knows at the next start that it keeps, though the cluster id is one that it has seen', () => {
    const {guard, take} = guardOf({clusterId: 'kept of new', revision: 3}, ['/d/p'])
    assert.equal(take(batchOf({revision: 20}, [])), '/d/p')
    assert.equal(guard.clusterIdOf(batchOf({}, [])), 'kept of new')
    guard.forget()
    assert.deepEqual([take(batchOf({revision: 21}, [])), guard.isKeeping], ['', false])
  })

  it('counts as silent from the moment in which an empty list has come', () => {
    const {guard} = guardOf(KNOWN, [])
    const empty = batchOf({}, [])
    guard.arrives(empty)
    assert.equal(guard.isKeeping, true)
    for (const steps = guard.admitting(empty); !steps.next().done; );
    assert.equal(guard.isKeeping, false, 'nothing was known')
  })
})
