import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {NftSet} from '../../../src/model/index.ts'
import {successors} from '../../../src/policy/compile/successors.ts'

const entries = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('1', '2')))
const setOf = (all: readonly [string, string][]): NftSet => ({
  ...{name: 's', key: 'mark', value: 'mark', interval: false},
  elements: new Map(all),
  version: {},
})

describe('a set made anew', () => {
  it('is the one before it where it holds the same, else knows the very keys in which they differ', () => {
    fc.assert(
      fc.property(entries, entries, (was, is) => {
        const [before, fresh] = [setOf(was), setOf(is)]
        const [after] = successors(new Map([['s', before]]), [fresh])
        const differing = [...new Set([...before.elements.keys(), ...fresh.elements.keys()])].filter(
          (key) => before.elements.get(key) !== fresh.elements.get(key),
        )
        if (differing.length === 0) return assert.equal(after, before)
        assert.deepEqual(after!.elements, fresh.elements)
        assert.equal(after!.since!.version, before.version)
        assert.deepEqual(after!.since!.keys.toSorted(), differing.sort())
        assert.ok(after!.version !== before.version)
      }),
    )
  })

  it('stands by itself where there was none of its name', () => {
    const fresh = setOf([['a', '1']])
    assert.deepEqual(successors(new Map(), [fresh]), [fresh])
  })
})
