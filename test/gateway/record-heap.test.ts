import assert from 'node:assert/strict'
import fc from 'fast-check'
import {RecordHeap} from '../../src/gateway/record-heap.ts'
import type {RawRecord} from '../../src/model/index.ts'

const key = fc.oneof(
  fc.integer({min: 0, max: 30}).map((n) => `/k/${n}`),
  fc.string(),
  fc.constantFrom('', 'ä', '/k/😀'),
)
const value = fc.uint8Array({maxLength: 40})
const change = fc.tuple(key, fc.option(fc.tuple(value, fc.nat()), {nil: null}))

const plain = ({key: own, value: bytes, modRevision}: RawRecord) => ({key: own, value: [...bytes], modRevision})
const byKey = (a: {key: string}, b: {key: string}): number => (a.key < b.key ? -1 : 1)

describe('RecordHeap', () => {
  it('is what a Map is, and gives what was there when it was asked', () => {
    fc.assert(
      fc.property(fc.array(change, {maxLength: 120}), fc.array(change, {maxLength: 20}), (first, later) => {
        const [heap, map] = [new RecordHeap(), new Map<string, RawRecord>()]
        const apply = (changes: typeof first): void => {
          for (const [own, content] of changes) {
            if (content === null) assert.equal(heap.delete(own), map.delete(own))
            else {
              const record = {key: own, value: content[0], modRevision: content[1]}
              heap.set(record)
              map.set(own, record)
            }
          }
        }
        apply(first)
        const then = heap.records()
        const wanted = [...map.values()].map(plain).sort(byKey)
        apply(later)
        assert.deepEqual([...then].map(plain).sort(byKey), wanted)
        assert.deepEqual([...heap.records()].map(plain).sort(byKey), [...map.values()].map(plain).sort(byKey))
        assert.deepEqual([...heap.keys()].sort(), [...map.keys()].sort())
        assert.equal(heap.size, map.size)
        for (const [own] of [...first, ...later]) {
          assert.equal(heap.has(own), map.has(own))
          assert.deepEqual(heap.get(own)?.modRevision, map.get(own)?.modRevision)
        }
      }),
      {numRuns: 200},
    )
  })

  it('does not grow with what is written over and over, and takes a value of any length', () => {
    const heap = new RecordHeap()
    const long = Buffer.alloc(3_000_000, 7)
    for (let n = 0; n < 60; n++) heap.set({key: `/${n % 2}`, value: long, modRevision: n})
    assert.equal(heap.size, 2)
    assert.deepEqual(heap.get('/1')?.value, long)
    assert.equal(heap.get('/1')?.modRevision, 59)
    assert.ok(heap.bytes < 40_000_000, `${heap.bytes} bytes`)
  })
})
