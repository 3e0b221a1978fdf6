import assert from 'node:assert/strict'
import fc from 'fast-check'
import {overlay} from '../../../src/policy/compile/overlay.ts'

const keys: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const entries = fc.array(fc.tuple(keys, fc.nat(3)))
const patches = fc.array(fc.tuple(keys, fc.option(fc.nat(3), {nil: undefined})))

describe('a map with some entries replaced', () => {
  it('is as a copy would be, in every way that one can ask it', () => {
    fc.assert(
      fc.property(entries, patches, (all, some) => {
        const [under, patch] = [new Map(all), new Map(some)]
        const copy = new Map(under)
        for (const [key, value] of patch) value === undefined ? copy.delete(key) : copy.set(key, value)
        const over = overlay(under, patch)
        const sorted = (each: Iterable<unknown>): unknown[] => [...each].sort()
        assert.equal(over.size, copy.size)
        assert.deepEqual(new Map(over), copy)
        assert.deepEqual(sorted(over.keys()), sorted(copy.keys()))
        assert.deepEqual(sorted(over.values()), sorted(copy.values()))
        const each = new Map<string, number>()
        over.forEach((value, key) => {
          each.set(key, value)
        })
        assert.deepEqual(each, copy)
        for (const key of ['a', 'b', 'c', 'd', 'e']) {
          assert.equal(over.get(key), copy.get(key))
          assert.equal(over.has(key), copy.has(key))
        }
      }),
    )
  })

  it('follows the map that lies under it', () => {
    const under = new Map([['a', 1]])
    const over = overlay(under, new Map([['b', 2]]))
    under.set('c', 3)
    assert.deepEqual([...over.keys()], ['a', 'c', 'b'])
  })
})
