import assert from 'node:assert/strict'
import {createNftDriver, type NftDriver, type NftDriverOptions} from '../../../src/apply/nft/index.ts'
import {diffNft} from '../../../src/diff/index.ts'
import {
  type NftChain,
  type NftSet,
  type NftStep,
  type NftTable,
  stepKey,
  type UdpPorts,
} from '../../../src/model/index.ts'
import {bringNft} from '../../support/bring-nft.ts'
import {inNamespace, shell} from '../../support/namespace.ts'
import {generationSets, nftSet} from '../nft/sets.ts'

const {signal} = new AbortController()
const chain = (...rules: string[]): NftChain => ({name: 'c', hook: null, rules})
const PORTS: UdpPorts = new Map([[0x80000004, [{first: 53, last: 53}]]])
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
    let isJudging = false
    const hasRule = (): string => (shell('nft list ruleset').includes('drop') ? 'rule' : 'none')
    const fastPath: NftDriverOptions['fastPath'] & object = {
      takeOver: async () => void told.push('take over'),
      devices: async () => [],
      follow: async (devices) => void told.push(`follow ${devices.join()}`),
      shut: () => void told.push(`shut ${hasRule()}`),
      open: (onlyJudgement) => void told.push(`open ${hasRule()}${onlyJudgement ? ', judge' : ''}`),
      forgetJudgement: () => void told.push('forget'),
      loadJudgement: async (sets) => void told.push(`load ${[...sets.keys()].join()}`),
      changeJudgement: async (set, {add}) => void told.push(`change ${set} ${[...add.keys()].join()}`),
      setPorts: (ports) => {
        told.push(`ports ${ports && [...ports.keys()].join()}`)
        isJudging = ports !== null
      },
      judges: () => isJudging,
    }
    const since = (): string[] => told.splice(0)

    beforeEach(async () => {
      told = []
      isJudging = false
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
      assert.deepEqual(since(), ['shut none', 'forget', 'ports null', 'open none'])
    })

    it('is shut before rules change, and open behind them', async () => {
      since()
      await bringNft(driver, tableOf([chain('drop')]))
      assert.deepEqual(since(), ['shut none', 'shut rule', 'open rule'])
    })

    it('is shut while flows come to be judged anew, which pass all that changed since the last time', async () => {
      since()
      await driver.raiseGeneration()
      assert.deepEqual(since(), ['shut none', 'open none'])
      await driver.raiseGeneration()
      assert.deepEqual(since(), ['shut none', 'open none, judge'])
    })

    const pairs = (...targets: string[]): NftSet =>
      nftSet(
        'pairs',
        'mark . classid',
        'mark',
        targets.map((target, index) => [`0x00000007 . 0:${index + 1}`, target]),
      )
    const judged = (set: NftSet, addresses: readonly string[] = []): NftTable => {
      const table = tableOf([chain()], addresses)
      return {...table, sets: new Map([...table.sets, [set.name, set]]), udpPorts: PORTS}
    }

    it('judges by what is in force, and follows each change of it while it is shut', async () => {
      since()
      await bringNft(driver, judged(pairs('0x80000000')))
      assert.deepEqual(since(), [
        ...['shut none', 'forget', 'change pairs 0x00000007 . 0:1', 'shut none'],
        ...['load generation,current,closed,pairs', 'ports 2147483652', 'open none'],
      ])
      await bringNft(driver, judged(pairs('0x80000000', '0x80000004')))
      assert.deepEqual(since(), ['shut none', 'change pairs 0x00000007 . 0:2', 'open none, judge'])
      await driver.raiseGeneration()
      await driver.raiseGeneration()
      await bringNft(driver, judged(pairs('0x80000000')))
      await driver.raiseGeneration()
      assert.deepEqual(since().at(-1), 'open none, judge')
    })

    it('judges nothing that passed other elements than these', async () => {
      await bringNft(driver, judged(pairs('0x80000000')))
      since()
      await bringNft(driver, judged(pairs('0x80000000'), ['10.1.0.5']))
      assert.deepEqual(since(), ['shut none', 'change closed 10.1.0.5', 'open none'])
      await driver.raiseGeneration()
      assert.deepEqual(since(), ['shut none', 'open none'])
    })

    it('judges nothing on the way from policy to policy', async () => {
      await bringNft(driver, judged(pairs('0x80000000')))
      since()
      await bringNft(driver, {...judged(pairs('0x80000000', '0x80000004')), udpPorts: null})
      const asked = ['shut none', 'change pairs 0x00000007 . 0:2', 'shut none', 'ports null', 'open none']
      assert.deepEqual(since(), asked)
    })

    it('judges by what was read, after a full read, and nothing of before', async () => {
      await bringNft(driver, judged(pairs('0x80000000')))
      since()
      driver.distrust()
      await driver.read(signal)
      assert.deepEqual(since(), [
        ...['shut none', 'forget', 'load generation,current,closed,pairs'],
        ...['ports 2147483652', 'open none'],
      ])
      assert.deepEqual(diffNft(judged(pairs('0x80000000')), await driver.read(signal)), [])
    })

    it('is not shut for an element, which flows that run do not ask for, where nothing is judged', async () => {
      since()
      await bringNft(driver, tableOf([chain()], ['10.1.0.5']))
      assert.deepEqual(since(), ['change closed 10.1.0.5'])
    })

    it('follows devices behind the transaction, before it is open', async () => {
      since()
      await bringNft(driver, tableOf([chain('drop')], [], [4, 7]))
      assert.deepEqual(since(), ['shut none', 'shut rule', 'follow 4,7', 'open rule'])
      await bringNft(driver, tableOf([chain('drop')], [], [7]))
      assert.deepEqual(since(), ['shut rule', 'follow 7', 'open rule'])
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
      assert.deepEqual(since(), ['shut none', 'forget', 'ports null', 'open none'])
    })
  })
})
