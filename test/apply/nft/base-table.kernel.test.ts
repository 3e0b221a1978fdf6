import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {resolve} from 'node:path'
import {createNftDriver} from '../../../src/apply/nft/index.ts'
import {diffNft} from '../../../src/diff/index.ts'
import type {NftTable} from '../../../src/model/index.ts'
import {inNamespace, shell} from '../../support/namespace.ts'
import {generationSets} from './sets.ts'

const BASE = readFileSync(resolve(import.meta.dirname, '../../../appliance/debian/base.nft'), 'utf8')
const hook = {type: 'filter', hook: 'forward', priority: 0, policy: 'drop'} as const
const OWN: NftTable = {
  family: 'inet',
  name: 'isthmus',
  counters: [],
  sets: new Map(generationSets.map((one) => [one.name, one])),
  chains: new Map([['forward', {name: 'forward', hook, rules: []}]]),
}

inNamespace(import.meta.url, () => {
  describe('the table that shuts a machine until the gateway runs', () => {
    it('drops what would be forwarded, and goes in the transaction that makes the gateway’s own', async () => {
      shell('nft -f -', BASE)
      // Loaded again it is the same.
      shell('nft -f -', BASE)
      assert.match(shell('nft list ruleset'), /hook forward priority filter; policy drop/)
      const driver = createNftDriver()
      try {
        const signal = AbortSignal.timeout(5000)
        const outcomes = await driver.apply(diffNft(OWN, await driver.read(signal)), signal)
        assert.ok(outcomes.every(({ok}) => ok))
        assert.equal(shell('nft list tables').trim(), 'table inet isthmus')
        // And with no such table there, as in a lab.
        shell('nft delete table inet isthmus')
        driver.distrust()
        await driver.apply(diffNft(OWN, await driver.read(signal)), signal)
        assert.equal(shell('nft list tables').trim(), 'table inet isthmus')
      } finally {
        await driver.close()
      }
    })
  })
})
