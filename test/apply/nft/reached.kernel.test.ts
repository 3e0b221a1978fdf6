import assert from 'node:assert/strict'
import {createNftDriver} from '../../../src/apply/nft/index.ts'
import {diffNft} from '../../../src/diff/index.ts'
import type {NftTable} from '../../../src/model/index.ts'
import {bringNft} from '../../support/bring-nft.ts'
import {inNamespace, shell} from '../../support/namespace.ts'

const signal = new AbortController().signal

/** A table of one map, of a version of its own. */
const tableOf = (elements: Record<string, string>): NftTable => ({
  family: 'inet',
  name: 'isthmus',
  counters: [],
  sets: new Map([
    [
      'class4',
      {
        name: 'class4',
        key: 'ipv4_addr',
        value: 'mark',
        interval: false,
        elements: new Map(Object.entries(elements)),
        version: {},
      },
    ],
  ]),
  chains: new Map(),
})

inNamespace(import.meta.url, () => {
  describe('the version that a set has reached', () => {
    it('is not that of steps that met what others had changed meanwhile', async () => {
      const driver = createNftDriver()
      await bringNft(driver, tableOf({'10.1.0.5': '0x00000007', '10.1.0.6': '0x00000008'}))
      const wanted = tableOf({'10.1.0.6': '0x00000008', '10.1.0.9': '0x00000009'})
      const due = diffNft(wanted, await driver.read(signal))
      // The one makes the step fail, so that the driver reads anew; the other is what it must not overlook then.
      shell('nft delete element inet isthmus class4 "{ 10.1.0.5, 10.1.0.6 }"')
      for (const outcome of await driver.apply(due, signal)) assert.equal(outcome.ok, true)
      const left = diffNft(wanted, await driver.read(signal))
      assert.deepEqual(
        left.map((step) => step.do === 'elements' && [...step.add]),
        [[['10.1.0.6', '0x00000008']]],
      )
      await driver.close()
    })
  })
})
