import assert from 'node:assert/strict'
import {decodeRecord} from '../../src/decode/index.ts'
import {RawMemory} from '../../src/gateway/raw-memory.ts'
import type {RawRecord, SourceBatch} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {ISTHMUS} from '../support/sites.ts'

const record = (name: string, order: unknown, revision: number): RawRecord =>
  rawRecord(`${ISTHMUS}globalnetworkpolicies/${name}`, {spec: {order}}, revision)
const good = (name: string, revision: number): RawRecord => record(name, revision, revision)
const bad = (name: string, revision: number): RawRecord => record(name, 'none', revision)

function take(memory: RawMemory, type: SourceBatch['type'], upserts: RawRecord[], deletes: string[] = []): void {
  const batch = {source: 'datastore/main', type, revision: 1, clusterId: 'c', upserts, deletes} as const
  memory.take(batch, {...batch, upserts: upserts.map((entry) => decodeRecord(entry))})
}

const revisions = (records: readonly RawRecord[] | null): unknown =>
  records?.map(({key, modRevision}) => `${key.split('/').at(-1)}@${modRevision}`).sort() ?? null

describe('RawMemory', () => {
  it('keeps what is there, and of refused records the last good version', () => {
    const memory = new RawMemory()
    take(memory, 'list', [good('p', 1), good('q', 2), bad('never', 3)])
    assert.deepEqual([revisions([...memory.records]), memory.takeGood()], [['never@3', 'p@1', 'q@2'], null])
    take(memory, 'changes', [bad('p', 4)])
    take(memory, 'changes', [bad('p', 5)])
    assert.deepEqual(
      [revisions([...memory.records]), revisions(memory.takeGood())],
      [['never@3', 'p@5', 'q@2'], ['p@1']],
    )
    assert.equal(memory.takeGood(), null, 'not told twice')
    take(memory, 'list', [bad('p', 5), good('q', 2)])
    assert.equal(memory.takeGood(), null)
    take(memory, 'list', [bad('p', 6), bad('q', 7)])
    assert.deepEqual(revisions(memory.takeGood()), ['p@1', 'q@2'])
  })

  for (const [name, end] of [
    ['a good version', (memory: RawMemory) => take(memory, 'changes', [good('p', 9)])],
    ['a good version in a list', (memory: RawMemory) => take(memory, 'list', [good('p', 9)])],
    ['its deletion', (memory: RawMemory) => take(memory, 'changes', [], [good('p', 1).key])],
    ['a list without it', (memory: RawMemory) => take(memory, 'list', [])],
  ] as const) {
    it(`forgets it with ${name}`, () => {
      const memory = new RawMemory()
      take(memory, 'list', [good('p', 1)])
      take(memory, 'changes', [bad('p', 2)])
      memory.takeGood()
      end(memory)
      assert.deepEqual(memory.takeGood(), [])
    })
  }

  it('tells what changed since it was last asked, and after a list that all may have', () => {
    const memory = new RawMemory()
    take(memory, 'list', [good('p', 1), good('q', 2)])
    assert.equal(memory.takeChanges(), null)
    take(memory, 'changes', [good('p', 3), good('r', 4)], [good('q', 2).key])
    take(memory, 'changes', [], [good('r', 4).key])
    const changes = memory.takeChanges()
    assert.deepEqual(revisions(changes?.upserts ?? []), ['p@3'])
    assert.deepEqual(changes?.deletes.toSorted(), [good('q', 2).key, good('r', 4).key])
    assert.deepEqual(memory.takeChanges(), {upserts: [], deletes: []})
    take(memory, 'list', [good('p', 3)])
    assert.equal(memory.takeChanges(), null)
    memory.forgetTaken()
    assert.equal(memory.takeChanges(), null, 'what was not kept')
  })
})
