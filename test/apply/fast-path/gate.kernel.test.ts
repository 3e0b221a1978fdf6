import assert from 'node:assert/strict'
import {createNftDriver, type NftDriver, type NftDriverOptions} from '../../../src/apply/nft/index.ts'
import {type NftChain, type NftStep, type NftTable, stepKey} from '../../../src/model/index.ts'
import {bringNft} from '../../support/bring-nft.ts'
import {inNamespace, shell} from '../../support/namespace.ts'
import {generationSets, nftSet} from '../nft/sets.ts'

const {signal} = new AbortController()
const chain = (...rules: string[]): NftChain => ({name: 'c', hook: null, rules})
const tableOf = (chains: readonly NftChain[], addresses: readonly string[] = [], fastPath: number[] = []): NftTable => {
  const closed = nftSet(
    'closed',
    'ipv4_addr',
    null,
    addresses.map((address) => [address, '']),
  )
  return {
    ...{family: 'inet', name: 'isthmus', counters: [], fastPath},
    sets: new Map([...generationSets, closed].map((one) => [one.name, one])),
    chains: new Map(chains.map((one) => [one.name, one])),
  }
}

inNamespace(import.meta.url, () => {
  describe('the gate of the fast path', () => {
    let driver: NftDriver
    /** What was asked of it, and with each word of the gate whether the table's chain has a rule by then. */
    let told: string[]
    const hasRule = (): string => (shell('nft list ruleset').includes('drop') ? 'rule' : 'none')
    const fastPath: NftDriverOptions['fastPath'] & object = {
      takeOver: async () => void told.push('take over'),
      devices: async () => [],
      follow: async (devices) => void told.push(`follow ${devices.join()}`),
      shut: () => void told.push(`shut ${hasRule()}`),
      open: () => void told.push(`open ${hasRule()}`),
    }
    const since = (): string[] => told.splice(0)

    beforeEach(async () => {
      told = []
      driver = createNftDriver({fastPath})
      await bringNft(driver, tableOf([chain()]))
    })
    afterEach(async () => {
      await driver.close()
      shell('nft flush ruleset')
    })

    it('takes over before anything is read, once', async () => {
      assert.equal(since()[0], 'take over')
      driver.distrust()
      await driver.read(signal)
      assert.deepEqual(since(), ['open none'])
    })

    it('is shut before rules change, and open behind them', async () => {
      since()
      await bringNft(driver, tableOf([chain('drop')]))
      assert.deepEqual(since(), ['shut none', 'open rule'])
    })

    it('is shut while flows come to be judged anew', async () => {
      since()
      await driver.raiseGeneration()
      assert.deepEqual(since(), ['shut none', 'open none'])
    })

    it('is not touched by an element, which flows that run do not ask for', async () => {
      since()
      await bringNft(driver, tableOf([chain()], ['10.1.0.5']))
      assert.deepEqual(since(), [])
    })

    it('follows devices behind the transaction, before it is open', async () => {
      since()
      await bringNft(driver, tableOf([chain('drop')], [], [4, 7]))
      assert.deepEqual(since(), ['shut none', 'follow 4,7', 'open rule'])
      await bringNft(driver, tableOf([chain('drop')], [], [7]))
      assert.deepEqual(since().slice(0, 1), ['follow 7'])
      await bringNft(driver, tableOf([chain('drop')], [], [7]))
      assert.deepEqual(since(), [])
    })

    it('stays shut behind what was refused, until all is read again', async () => {
      since()
      const bad: NftStep = {
        ...{key: stepKey('bad'), needs: [], reason: 'test', driver: 'nft'},
        ...{do: 'chain-set', name: 'c', hook: null, rules: ['goto nowhere']},
      }
      const [outcome] = await driver.apply([bad], signal)
      assert.equal(outcome!.ok, false)
      assert.deepEqual(since(), ['shut none'])
      await driver.read(signal)
      assert.deepEqual(since(), ['open none'])
    })
  })
})
