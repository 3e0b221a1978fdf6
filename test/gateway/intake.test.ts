import assert from 'node:assert/strict'
import {setImmediate as turn} from 'node:timers/promises'
import fc from 'fast-check'
import {decodeRecord} from '../../src/decode/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {createIntake} from '../../src/gateway/intake.ts'
import {RawMemory} from '../../src/gateway/raw-memory.ts'
import {createTurnstile, whileHeld} from '../../src/gateway/slices.ts'
import type {RawRecord, SourceBatch} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, plainWorld} from '../support/sites.ts'

const keyOf = (i: number): string => `${EXPORT}endpoints/main/10.2.${i >> 8}.${i & 255}/x1`
const endpoint = (i: number, revision: number): RawRecord =>
  rawRecord(keyOf(i), {n: [`shop/p${i}-${revision}`]}, revision)
const BASE = [
  rawRecord(`${EXPORT}meta`, {schema: 1, site: 'b', generation: 1}),
  rawRecord(`${EXPORT}attributes/x1`, {kind: 'pod', labels: {app: 'db'}, namespace: 'shop'}),
]
const range = (from: number, to: number): number[] => Array.from({length: to - from}, (_, i) => from + i)
const batchOf = (type: 'list' | 'changes', revision: number, upserts: readonly RawRecord[], deletes: string[] = []) =>
  ({source: 'export/b', type, revision, clusterId: 'c1', upserts, deletes}) satisfies SourceBatch

function gateway() {
  const federation = new Federation(configOf())
  const memory = new RawMemory()
  const gate = createTurnstile()
  const taken: number[] = []
  const intake = createIntake({
    ...{source: 'export/b', federation, memory, gate},
    onTaken: ({revision}) => taken.push(revision),
  })
  return {federation, memory, gate, intake, taken}
}

describe('the intake of a source', () => {
  it('gives others their turn within a large list, whose half nobody sees who enters the gate', async () => {
    const {federation, gate, intake, taken} = gateway()
    intake.take(batchOf('list', 1, [...BASE, ...range(0, 6000).map((i) => endpoint(i, 1))]))
    await intake.settled()
    // All others are new, and a half of the old ones gone.
    intake.take(batchOf('list', 2, [...BASE, ...range(3000, 9000).map((i) => endpoint(i, 2))]))
    let isDone = false
    let turns = 0
    const counting = (async () => {
      while (!isDone) {
        await turn()
        turns++
      }
    })()
    const seen = new Set<number>()
    while (taken.length < 2) {
      const leave = await gate.enter()
      const members = federation.world().members
      seen.add(range(0, 9000).filter((i) => members.has(`10.2.${i >> 8}.${i & 255}/32` as never)).length)
      leave()
      await turn()
    }
    isDone = true
    await counting
    assert.deepEqual([...seen], [6000], 'before and after, and nothing between')
    assert.ok(turns > 5, `${turns} turns for others`)
    assert.deepEqual(taken, [1, 2])
  })

  it('takes what is small at once, and in its order behind what is not', async () => {
    const {federation, intake, taken} = gateway()
    intake.take(batchOf('changes', 1, BASE))
    assert.deepEqual(taken, [1], 'at once')
    intake.take(
      batchOf(
        'changes',
        2,
        range(0, 5000).map((i) => endpoint(i, 2)),
      ),
    )
    intake.take(batchOf('changes', 3, [endpoint(7, 3)], [keyOf(8)]))
    assert.deepEqual(taken, [1])
    await intake.settled()
    assert.deepEqual(taken, [1, 2, 3])
    assert.equal(federation.world().members.has('10.2.0.8/32' as never), false)
    assert.equal(federation.world().sources.get('export/b')?.revision, 3)
  })

  it('takes nothing at all, however small, while it is held by who has laid his work aside', async () => {
    const {federation, gate, intake, taken} = gateway()
    intake.take(batchOf('list', 1, [...BASE, endpoint(1, 1)]))
    await intake.settled()
    const leave = await gate.enter()
    const before = federation.world().memberRevision
    await whileHeld(gate, async () => {
      intake.take(batchOf('changes', 2, [endpoint(2, 2)]))
      intake.take(batchOf('changes', 3, [endpoint(3, 3)], [keyOf(1)]))
      for (let turns = 0; turns < 20; turns++) await turn()
      assert.deepEqual(taken, [1])
      assert.equal(federation.world().memberRevision, before)
    })
    leave()
    await intake.settled()
    assert.deepEqual(taken, [1, 2, 3])
    intake.take(batchOf('changes', 4, [endpoint(4, 4)]))
    assert.deepEqual(taken, [1, 2, 3, 4], 'at once again')
  })

  it('is free again when what held it has failed', async () => {
    const {gate, intake, taken} = gateway()
    await assert.rejects(
      whileHeld(gate, async () => Promise.reject(new Error('told to'))),
      /told to/,
    )
    intake.take(batchOf('changes', 1, BASE))
    assert.deepEqual(taken, [1])
  })

  it('what came while the gate was closed is taken in one stay, not one batch a pass', async () => {
    const {gate, intake, taken} = gateway()
    const leave = await gate.enter()
    for (const revision of range(1, 6)) {
      const upserts = range(0, 300).map((i) => endpoint(i, revision))
      intake.take(batchOf('changes', revision, upserts))
    }
    // Whoever comes now, as a pass does, is behind the first batch.
    for (let i = 0; i < 50; i++) await turn()
    const pass = gate.enter().then((leavePass) => {
      const seen = [...taken]
      leavePass()
      return seen
    })
    leave()
    assert.deepEqual(await pass, [1, 2, 3, 4, 5])
    await intake.settled()
  })

  it('ends in what the same batches give without it, in the federation and on disk', async () => {
    const batch = fc.record({
      type: fc.constantFrom('list' as const, 'changes' as const, 'changes' as const),
      from: fc.nat(400),
      count: fc.nat(600),
      deletes: fc.array(fc.nat(900), {maxLength: 5}),
      pause: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(batch, {maxLength: 8}), async (batches) => {
        const {federation, memory, intake} = gateway()
        const direct = new Federation(configOf())
        const directMemory = new RawMemory()
        for (const [index, {type, from, count, deletes, pause}] of batches.entries()) {
          const revision = index + 1
          const upserts = [...BASE, ...range(from, from + count).map((i) => endpoint(i, revision))]
          const said = batchOf(type, revision, upserts, type === 'list' ? [] : deletes.map(keyOf))
          intake.take(said)
          const decoded = {...said, upserts: upserts.map((record) => decodeRecord(record, 'export b'))}
          direct.update(decoded)
          directMemory.take(said, decoded)
          if (pause) await turn()
        }
        await intake.settled()
        assert.deepEqual(plainWorld(federation.world()), plainWorld(direct.world()))
        const sorted = (of: RawMemory) => [...of.records].sort((a, b) => (a.key < b.key ? -1 : 1))
        assert.deepEqual(sorted(memory), sorted(directMemory))
      }),
      {numRuns: 10},
    )
  })
})
