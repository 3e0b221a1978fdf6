import assert from 'node:assert/strict'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {type CarrierKeeping, createCarriers} from '../../src/gateway/carriers.ts'
import type {
  Carrier,
  RemoteSite,
  SiteName,
  SiteView,
  Tunnel,
  TunnelOffer,
  UplinkName,
  UplinkPair,
} from '../../src/model/index.ts'
import {planTunnels} from '../../src/tunnels/index.ts'
import {configOf, type Sketch, testKey, viewOf} from '../support/interconnect.ts'

const DAY_MS = 86_400_000
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k']
const SKETCH: Sketch = {
  sites: NAMES.map((name, index) => ({name, number: index + 1})),
  pairs: Object.fromEntries(NAMES.slice(1).map((name) => [`a ${name}`, 'wireguard'])),
}
const ALL = NAMES.slice(1)
const pairTo = (site: string): UplinkPair => `a/a1/wan ${site}/${site}1/wan`

/** What others offer: whatever the gateway itself does, as in a moment they will. */
function mirrored(carriers: ReadonlyMap<UplinkPair, readonly Carrier[]>): Map<SiteName, SiteView> {
  return new Map(
    ALL.map((name) => {
      const held: readonly Carrier[] = carriers.get(pairTo(name)) ?? []
      const offers = held.map(({slot, serial, encapsulation}): TunnelOffer => {
        const key = testKey(configOf(SKETCH, name), `${slot}`)
        return {
          slot,
          serial,
          encapsulation,
          uplink: 'wan' as UplinkName,
          publicKey: key.publicKey,
          port: 1,
          port6: null,
        }
      })
      return [name as SiteName, viewOf(SKETCH, name, new Map([['a/a1/wan', offers]]))]
    }),
  )
}

describe('keeping of carriers', () => {
  let state = ''
  let nowMs = 0
  let madeMs = 0
  let isUp = true
  /** The WAN brings what tunnels bring. */
  let isNative = false
  /** Of site b, by the configuration. */
  let toB: Partial<RemoteSite> = {}
  let errors: unknown[] = []
  let carriers: ReadonlyMap<UplinkPair, readonly Carrier[]> = new Map()
  const config = () => {
    const plain = configOf(SKETCH, 'a', {rotateKeysAfterMs: 30 * DAY_MS})
    const sites = new Map([...plain.sites].map(([name, site]) => [name, name === 'b' ? {...site, ...toB} : site]))
    return {...plain, sites, paths: {state, run: '/r', birdConfig: '/b', birdSocket: '/s'}}
  }
  const keys = () => {
    const {wantedKeys} = planTunnels({config: config(), sites: mirrored(carriers), keys: new Map(), carriers})
    // Each further key is as old as it is.
    return new Map(
      wantedKeys.map((name) => [name, {...testKey(config(), name), madeMs: name.includes('#') ? nowMs : madeMs}]),
    )
  }
  const planned = () => {
    const {tunnels} = planTunnels({config: config(), sites: mirrored(carriers), keys: keys(), carriers})
    return {desired: {tunnels: tunnels as readonly Tunnel[]}, carriers} as never
  }
  const open = (): Promise<CarrierKeeping> =>
    createCarriers({
      ...{
        config: config(),
        keys,
        isUp: () => isUp,
        isNative: () => isNative,
        readings: () => new Map(),
        last: () => ({planned: planned(), dirty: false}),
      },
      ...{nowMs: () => nowMs, wallMs: () => nowMs, trigger: () => undefined, onError: (error) => errors.push(error)},
    })
  const look = async (keeping: CarrierKeeping): Promise<void> => {
    carriers = await keeping.next(mirrored(carriers))
  }
  const both = (): number => [...carriers.values()].filter(({length}) => length === 2).length
  const stored = (): object => JSON.parse(readFileSync(join(state, 'tunnels.json'), 'utf8')).pairs

  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), 'isthmus-carriers-'))
    nowMs = 0
    madeMs = 0
    isUp = true
    isNative = false
    toB = {}
    errors = []
    carriers = new Map()
  })
  afterEach(() => rmSync(state, {recursive: true}))

  it('begins with what the configuration says, written down, and says nothing new as long as there is none', async () => {
    const keeping = await open()
    await look(keeping)
    assert.equal(carriers.size, ALL.length)
    const first: Carrier = {slot: 0, serial: 0, encapsulation: 'wireguard', phase: 'open'}
    assert.deepEqual(carriers.get(pairTo('b')), [first])
    assert.equal(Object.keys(stored()).length, ALL.length)
    const before = carriers
    nowMs = 29 * DAY_MS
    await look(keeping)
    assert.equal(carriers, before)
  })

  it('old keys are followed, eight at a time, and only where the tunnel is up', async () => {
    const keeping = await open()
    await look(keeping)
    nowMs = 31 * DAY_MS
    isUp = false
    await look(keeping)
    assert.equal(both(), 0)
    isUp = true
    await look(keeping)
    assert.equal(both(), 8)
    for (let second = 0; second < 60; second++) {
      nowMs += 1000
      await look(keeping)
      assert.ok(both() <= 8)
    }
    // The other ends of this test never say that they have left.
    assert.equal(both(), 8)
    assert.ok([...carriers.values()].filter(({length}) => length === 2).every(([older]) => older!.phase === 'left'))
  })

  it('what was asked for is kept over a restart, and done once', async () => {
    let keeping = await open()
    await look(keeping)
    isUp = false
    assert.deepEqual(await keeping.renew('c' as SiteName, mirrored(carriers)), [pairTo('c')])
    await look(keeping)
    assert.equal(both(), 0)
    keeping = await open()
    isUp = true
    await look(keeping)
    await look(keeping)
    assert.deepEqual(
      [...carriers].filter(([, held]) => held.length === 2).map(([pair]) => pair),
      [pairTo('c')],
    )
    assert.doesNotMatch(JSON.stringify(stored()), /asked/)
  })

  it('to none only when the WAN has brought for ten seconds what the tunnel does; a restart in between goes on with it', async () => {
    let keeping = await open()
    await look(keeping)
    toB = {encapsulation: 'none'}
    keeping = await open()
    const phases = () => carriers.get(pairTo('b'))!.map(({encapsulation, phase}) => `${encapsulation} ${phase}`)
    const seconds = async (count: number): Promise<void> => {
      for (let second = 0; second < count; second++) {
        nowMs += 1000
        await look(keeping)
      }
    }
    await seconds(60)
    assert.deepEqual(phases(), ['wireguard open', 'none joining'])
    isNative = true
    await seconds(9)
    assert.deepEqual(phases(), ['wireguard open', 'none joining'])
    keeping = await open()
    await seconds(11)
    assert.deepEqual(phases(), ['wireguard leaving', 'none open'])
    assert.match(JSON.stringify(stored()), /"encapsulation":"none"/)
  })

  it('what cannot be written down does not count, and comes when it can', async () => {
    const keeping = await open()
    await look(keeping)
    const before = carriers
    nowMs = 31 * DAY_MS
    mkdirSync(join(state, 'tunnels.json.new'))
    await look(keeping)
    assert.equal(both(), 0)
    await look(keeping)
    assert.equal(carriers, before)
    assert.equal(errors.length, 2)
    await assert.rejects(keeping.renew('c' as SiteName, mirrored(carriers)))
    rmSync(join(state, 'tunnels.json.new'), {recursive: true})
    await Promise.all([
      keeping.renew('c' as SiteName, mirrored(carriers)),
      keeping.renew('d' as SiteName, mirrored(carriers)),
    ])
    await look(keeping)
    assert.ok(both() >= 8)
    assert.ok(['c', 'd'].every((site) => carriers.get(pairTo(site))?.length === 2))
  })

  for (const plainUntilEncrypted of [false, true]) {
    const what = plainUntilEncrypted ? 'stays beside one that does' : 'goes at once'
    it(`where WireGuard is wanted, a tunnel that does not encrypt ${what}, if ${plainUntilEncrypted}`, async () => {
      toB = {encapsulation: 'ipip'}
      await look(await open())
      toB = {encapsulation: 'wireguard', plainUntilEncrypted}
      await look(await open())
      assert.deepEqual(
        carriers.get(pairTo('b'))!.map(({encapsulation}) => encapsulation),
        plainUntilEncrypted ? ['ipip', 'wireguard'] : ['wireguard'],
      )
    })
  }

  it('auto: both forms are offered and the word is written down; what must encrypt has neither', async () => {
    toB = {encapsulation: 'auto'}
    await look(await open())
    assert.deepEqual(carriers.get(pairTo('b')), [
      {slot: 0, serial: 0, encapsulation: 'fou', both: true, ipip: false, phase: 'open'},
    ])
    const before = carriers
    await look(await open())
    assert.deepEqual(carriers, before, 'read back as it was written')
    toB = {encapsulation: 'auto', encrypted: true}
    await look(await open())
    const [only, ...others] = carriers.get(pairTo('b'))!
    assert.deepEqual([only?.encapsulation, only?.ipip, others], ['wireguard', undefined, []])
  })

  it('a site that is no longer configured is forgotten; a damaged file is a finding', async () => {
    await look(await open())
    writeFileSync(
      join(state, 'tunnels.json'),
      readFileSync(join(state, 'tunnels.json'), 'utf8').replaceAll('k/k1', 'z/z1'),
    )
    const keeping = await open()
    await look(keeping)
    assert.ok(!JSON.stringify(stored()).includes('z/z1'))
    writeFileSync(join(state, 'tunnels.json'), 'x')
    assert.deepEqual(
      (await open()).findings().map(({code}) => code),
      ['state-unreadable'],
    )
  })
})
