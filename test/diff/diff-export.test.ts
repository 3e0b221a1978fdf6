import assert from 'node:assert/strict'
import fc from 'fast-check'
import {diffExport, type ExportDelta} from '../../src/diff/index.ts'

const records = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('', '1', '2'))
  .map((entries) => new Map(Object.entries(entries)))

function applied(held: ReadonlyMap<string, string>, step: ExportDelta | null): ReadonlyMap<string, string> {
  const result = new Map(held)
  for (const [key, text] of step?.put ?? []) result.set(key, text)
  for (const key of step?.delete ?? []) result.delete(key)
  return result
}

const sorted = (map: ReadonlyMap<string, string>): [string, string][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

describe('diffExport', () => {
  it('leads from anything held to all parts that are wanted, and then there is nothing to do', () => {
    fc.assert(
      fc.property(records, records, records, (first, second, held) => {
        const other = new Map([...second].map(([key, text]) => [`other ${key}`, text]))
        const step = diffExport([first, other], held, null)
        const reached = applied(held, step)
        assert.deepEqual(sorted(reached), sorted(new Map([...first, ...other])))
        assert.equal(diffExport([first, other], reached, null), null)
      }),
    )
  })

  it('with the keys that differ does the same, and with others nothing', () => {
    fc.assert(
      fc.property(records, records, (wanted, held) => {
        const differ = [...new Set([...wanted.keys(), ...held.keys()])].filter(
          (key) => wanted.get(key) !== held.get(key),
        )
        const step = diffExport([wanted], held, new Set(differ))
        assert.deepEqual(sorted(applied(held, step)), sorted(wanted))
        const equal = [...wanted.keys()].filter((key) => !differ.includes(key))
        assert.equal(diffExport([wanted], held, new Set([...equal, 'nobody has it'])), null)
      }),
    )
  })
})
