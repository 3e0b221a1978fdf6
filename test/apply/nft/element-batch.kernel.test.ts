import assert from 'node:assert/strict'
import fc from 'fast-check'
import {createNftDriver} from '../../../src/apply/nft/index.ts'
import {createNftRunner, type NftRunner} from '../../../src/apply/nft/runner.ts'
import {diffNft} from '../../../src/diff/index.ts'
import {classidText, markText, type NftSet, type NftTable} from '../../../src/model/index.ts'
import {bringNft} from '../../support/bring-nft.ts'
import {inNamespace, shell} from '../../support/namespace.ts'

const signal = new AbortController().signal

const number = fc.constantFrom(1, 7, 0x10000, 0xfffe, 0x7fffffff, 0x80000001, 0xffffffff)
const classid = fc.oneof(
  fc.constant('none'),
  // The highest are names to nft, and no class.
  number.filter((value) => value <= 0x7fffffff).map((value) => classidText(value >>> 16, value & 0xffff)),
)
const mark = number.map(markText)
const SETS: Record<string, {key: string; value: string | null; elements: fc.Arbitrary<[string, string]>}> = {
  class4: {
    key: 'ipv4_addr',
    value: 'mark',
    elements: fc.tuple(fc.constantFrom('10.1.0.5', '0.0.0.1', '255.1.2.3', '10.1.0.6'), mark),
  },
  class6d: {
    key: 'ipv6_addr',
    value: 'classid',
    elements: fc.tuple(fc.constantFrom('fd00::5', '::1', '2001:db8:0:1:1:1:1:1', '::ffff:a01:203'), classid),
  },
  pairs: {
    key: 'mark . classid',
    value: 'mark',
    elements: fc.tuple(
      fc.tuple(mark, classid).map((parts) => parts.join(' . ')),
      mark,
    ),
  },
  known: {key: 'classid', value: null, elements: fc.tuple(classid, fc.constant(''))},
}
const contents = fc.record(
  Object.fromEntries(
    Object.entries(SETS).map(([name, {elements}]) => [
      name,
      fc.array(elements, {maxLength: 6}).map((all) => new Map(all)),
    ]),
  ),
)

const tableOf = (elements: Record<string, ReadonlyMap<string, string>>): NftTable => ({
  family: 'inet',
  name: 'isthmus',
  counters: [],
  chains: new Map(),
  sets: new Map(
    Object.entries(SETS).map(([name, {key, value}]): [string, NftSet] => [
      name,
      {name, key, value, interval: false, elements: elements[name]!},
    ]),
  ),
})

inNamespace(import.meta.url, () => {
  describe('elements of maps of numbers', () => {
    let scripts = 0
    const counting = (): NftRunner => {
      const library = createNftRunner()
      return {
        ...library,
        run: (script) => {
          scripts++
          return library.run(script)
        },
      }
    }

    it('reach the kernel without nft, and read back in the very text that was given', async () => {
      const driver = createNftDriver({runner: counting()})
      await bringNft(driver, tableOf(Object.fromEntries(Object.keys(SETS).map((name) => [name, new Map()]))))
      const declared = scripts
      await fc.assert(
        fc.asyncProperty(contents, async (elements) => {
          const wanted = tableOf(elements)
          await bringNft(driver, wanted)
          const reader = createNftDriver()
          try {
            assert.deepEqual(diffNft(wanted, await reader.read(signal)), [])
          } finally {
            await reader.close()
          }
        }),
        {numRuns: 40},
      )
      assert.equal(scripts, declared)
      await driver.close()
    })

    it('come by ten thousands in one transaction, on a thread', async () => {
      const driver = createNftDriver({runner: counting()})
      const nothing = {class4: new Map(), class6d: new Map(), pairs: new Map(), known: new Map()}
      await bringNft(driver, tableOf(nothing))
      const declared = scripts
      const many = new Map(
        Array.from({length: 20_000}, (_, index) => [`10.2.${index >> 8}.${index & 255}`, markText(index + 1)]),
      )
      const wanted = tableOf({...nothing, class4: many})
      let turns = 0
      const turning = setInterval(() => turns++, 1)
      await bringNft(driver, wanted)
      clearInterval(turning)
      assert.equal(scripts, declared)
      assert.ok(turns > 0)
      const reader = createNftDriver()
      assert.deepEqual(diffNft(wanted, await reader.read(signal)), [])
      await Promise.all([driver.close(), reader.close()])
    })

    it('of which one is there already are refused all, and come again the other way', async () => {
      const driver = createNftDriver({runner: counting()})
      const nothing = {class4: new Map(), class6d: new Map(), pairs: new Map(), known: new Map()}
      await bringNft(driver, tableOf(nothing))
      const many = new Map(
        Array.from({length: 20_000}, (_, index) => [`10.2.${index >> 8}.${index & 255}`, markText(index + 1)]),
      )
      const wanted = tableOf({...nothing, class4: many})
      const due = diffNft(wanted, await driver.read(signal))
      shell('nft add element inet isthmus class4 "{ 10.2.40.0 : 0x00000008 }"')
      for (const outcome of await driver.apply(due, signal)) assert.ok(outcome.ok)
      const reader = createNftDriver()
      assert.deepEqual(diffNft(wanted, await reader.read(signal)), [])
      await Promise.all([driver.close(), reader.close()])
    })

    it('need no text where somebody has committed to a table of his own meanwhile', async () => {
      const driver = createNftDriver({runner: counting()})
      const nothing = {class4: new Map(), class6d: new Map(), pairs: new Map(), known: new Map()}
      await bringNft(driver, tableOf(nothing))
      const declared = scripts
      const wanted = tableOf({...nothing, class4: new Map([['10.1.0.7', markText(9)]])})
      const due = diffNft(wanted, await driver.read(signal))
      shell('nft add table inet other')
      for (const outcome of await driver.apply(due, signal)) assert.ok(outcome.ok)
      assert.equal(scripts, declared)
      const reader = createNftDriver()
      assert.deepEqual(diffNft(wanted, await reader.read(signal)), [])
      await Promise.all([driver.close(), reader.close()])
      shell('nft delete table inet other')
    })

    it('are not put on top of a commit that nobody here has seen', async () => {
      const driver = createNftDriver()
      const wanted = tableOf({
        class4: new Map([['10.1.0.5', markText(9)]]),
        class6d: new Map(),
        pairs: new Map(),
        known: new Map(),
      })
      const due = diffNft(wanted, await driver.read(signal))
      // As long as the one before stands, the kernel takes no other value.
      shell('nft add element inet isthmus class4 "{ 10.1.0.5 : 0x00000008 }"')
      for (const outcome of await driver.apply(due, signal)) assert.ok(outcome.ok)
      const reader = createNftDriver()
      assert.deepEqual(diffNft(wanted, await reader.read(signal)), [])
      await Promise.all([driver.close(), reader.close()])
    })
  })
})
