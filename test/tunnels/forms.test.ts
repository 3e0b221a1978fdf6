import assert from 'node:assert/strict'
import {createFormWatch} from '../../src/gateway/form-watch.ts'
import type {
  Carrier,
  Encapsulation,
  GatewayConfig,
  PlainForm,
  SiteName,
  TunnelOffer,
  UplinkName,
  UplinkPair,
} from '../../src/model/index.ts'
import {planRuleset} from '../../src/plan/ruleset.ts'
import type {TunnelReadings} from '../../src/probe/index.ts'
import {type PlannedTunnels, planTunnels} from '../../src/tunnels/index.ts'
import {configOf, type Sketch, viewOf} from '../support/interconnect.ts'

const sketchOf = (kind: Encapsulation | 'auto', more: Partial<Sketch['sites'][number]> = {}): Sketch => ({
  sites: [
    {name: 'a', number: 1, ...more},
    {name: 'b', number: 2, ...more},
  ],
  pairs: {'a b': kind},
})
const PAIR: UplinkPair = 'a/a1/wan b/b1/wan'
const SITE = 'b' as SiteName
const CARRIER: Carrier = {slot: 0, serial: 0, encapsulation: 'fou', both: true, ipip: false, phase: 'open'}
const OFFER: TunnelOffer = {
  ...{slot: 0, uplink: 'wan' as UplinkName, encapsulation: 'fou', publicKey: null, port: 7000, port6: 7001},
  ...{also: 'ipip', auto: {ipip: true, encrypted: false}},
}

interface Given {
  readonly sketch?: Sketch
  readonly carrier?: Partial<Carrier>
  readonly offers?: readonly TunnelOffer[]
}

function planOf({sketch = sketchOf('auto'), carrier = {}, offers = [OFFER]}: Given = {}): PlannedTunnels & {
  readonly config: GatewayConfig
} {
  const config = configOf(sketch, 'a')
  const sites = new Map([[SITE, viewOf(sketch, 'b', new Map([['a/a1/wan', offers]]))]])
  const carriers = new Map([[PAIR, [{...CARRIER, ...carrier}]]])
  return {...planTunnels({config, sites, keys: new Map(), carriers}), config}
}

const linkTexts = ({links}: PlannedTunnels): string[] =>
  links.map((link) => {
    if (link.kind !== 'ipip' && link.kind !== 'sit') return link.kind
    return `${link.kind} ${link.local} ${link.fou === undefined ? 'plain' : `udp ${link.fou}`} ${link.mtu}`
  })

describe('both forms of IPIP', () => {
  it('what is not sent is tried on a device that only sends, over which there is no session, as large', () => {
    const plan = planOf()
    assert.deepEqual(linkTexts(plan).sort(), ['ipip 0.0.0.0 plain 1472', 'ipip 192.0.2.8 udp 7000 1472'])
    assert.deepEqual([plan.tunnels.length, plan.trials.length, plan.mtus.size], [1, 1, 1])
    const [trial] = plan.trials
    assert.deepEqual(
      [trial?.of, trial?.encapsulation, trial?.local, trial?.peer],
      [plan.tunnels[0]?.device, 'ipip', '100.64.1.1', '100.64.2.1'],
    )
    assert.equal(plan.fouPorts.length, 1)
    assert.deepEqual(linkTexts(planOf({carrier: {encapsulation: 'ipip'}})).sort(), [
      'ipip 0.0.0.0 udp 7000 1472',
      'ipip 192.0.2.8 plain 1472',
    ])
    assert.equal(planOf({carrier: {encapsulation: 'ipip'}}).fouPorts.length, 1)
  })

  it('both families are tried, each on a device of its own', () => {
    const plan = planOf({sketch: sketchOf('auto', {inner: [4, 6]})})
    assert.deepEqual(linkTexts(plan).sort(), [
      'ipip 0.0.0.0 plain 1472',
      'ipip 192.0.2.8 udp 7000 1472',
      'sit 0.0.0.0 plain 1472',
      'sit 192.0.2.8 udp 7001 1472',
    ])
    assert.equal(new Set(plan.trials.map(({of}) => of)).size, 2)
  })

  const {also: _also, auto: _auto, ...fixed} = OFFER
  const beside: readonly [string, Given, boolean][] = [
    ['the other end chooses too', {}, true],
    ['the other end takes one form only', {offers: [fixed]}, false],
    ['it takes both, and has no port', {carrier: {encapsulation: 'ipip'}, offers: [{...OFFER, port: null}]}, false],
    ['another tunnel is in the other slot', {sketch: sketchOf('auto', {uplinks: ['wan', 'wan2']})}, false],
    ['fixed, and nobody wants the other form', {sketch: sketchOf('fou'), offers: [{...fixed, also: 'ipip'}]}, false],
    [
      'fixed, and this end wants the other form',
      {
        sketch: sketchOf('fou'),
        carrier: {encapsulation: 'ipip'},
        offers: [{...fixed, encapsulation: 'ipip', also: 'fou'}],
      },
      true,
    ],
  ]
  for (const [name, given, isTried] of beside) {
    it(`${name}: ${isTried ? '' : 'not '}tried`, () => assert.equal(planOf(given).trials.length > 0, isTried))
  }

  it('a tunnel is there where the other end takes what is sent here, whatever that end sends', () => {
    const sent = (carrier: PlainForm, theirs: PlainForm, also?: PlainForm) =>
      planOf({carrier: {encapsulation: carrier}, offers: [{...fixed, encapsulation: theirs, ...(also ? {also} : {})}]})
    assert.equal(sent('fou', 'ipip', 'fou').tunnels.length, 1)
    assert.equal(sent('fou', 'fou').tunnels.length, 1)
    const refused = sent('fou', 'ipip')
    assert.deepEqual([refused.tunnels, refused.findings.map(({code}) => code)], [[], ['encapsulation-mismatch']])
  })

  it('what is said: both forms, and the word; of a form that is wanted and not sent yet, that', () => {
    const [told] = planOf().offers.get('b/b1/wan')!
    assert.deepEqual(
      [told?.encapsulation, told?.also, told?.next, told?.auto],
      ['fou', 'ipip', undefined, {ipip: false, encrypted: false}],
    )
    assert.equal(planOf({carrier: {encapsulation: 'ipip', ipip: true}}).offers.get('b/b1/wan')![0]?.port, 5555)
    const wanted = planOf({sketch: sketchOf('fou'), carrier: {encapsulation: 'ipip'}}).offers.get('b/b1/wan')![0]
    assert.deepEqual([wanted?.also, wanted?.next, wanted?.auto], ['fou', 'fou', undefined])
  })

  it('nftables: answers of the trial come by the tunnel’s device, and its own device is one of the site’s', () => {
    const {config, tunnels, trials, links, wireguard, fouPorts} = planOf()
    const policy = {sets: new Map(), chains: new Map(), counters: []}
    const sites = new Map([[SITE, viewOf(sketchOf('auto'), 'b')]])
    const {chains, sets} = planRuleset({
      ...{config, world: {sites}, tunnels: [...tunnels, ...trials], trials, links, wireguard, fouPorts},
      ...{uplinkDevices: ['eth0'], devices: new Map(), policy},
    })
    const rules = chains.get('input')!.rules
    const [device, trial] = [tunnels[0]!.device, trials[0]!.device]
    assert.ok(rules.includes(`iifname "${device}" ip saddr { 100.64.2.0, 100.64.2.1 } accept`))
    assert.ok(rules.includes(`iifname "${trial}" ip saddr 100.64.2.1 accept`))
    assert.deepEqual([...sets.get('tunnels')!.elements.keys()].sort(), [device, trial].sort())
  })
})

describe('watch on both forms of IPIP', () => {
  const plan = planOf({carrier: {encapsulation: 'ipip', ipip: true}})
  const [main, trial] = [plan.tunnels[0]!.device, plan.trials[0]!.device]
  const rows = new Map<string, readonly [passed: number, lost: number]>()
  let planned: PlannedTunnels
  let nowMs: number
  const watch = () =>
    createFormWatch({
      ...{config: plan.config, nowMs: () => nowMs},
      planned: () => ({desired: planned as never, trials: planned.trials}),
      readings: () =>
        new Map(
          [...rows].map(([device, [passedInRow, lostInRow]]) => {
            return [device, {small: {passedInRow, lostInRow}} as unknown as TunnelReadings]
          }),
        ),
    })
  beforeEach(() => {
    planned = plan
    nowMs = 0
    rows.clear()
  })

  it('what was lost is told, and what was answered before the device sent this form is not taken for it', () => {
    const forms = watch()
    const carrier: Carrier = {...CARRIER, encapsulation: 'ipip', ipip: true}
    rows.set(main, [100, 0]).set(trial, [100, 0])
    forms.look()
    assert.deepEqual(forms.seen(plan.tunnels[0]!), {ipip: null, fou: null})
    nowMs = 20_000
    forms.look()
    assert.deepEqual(forms.seen(plan.tunnels[0]!), {ipip: true, fou: true})
    assert.equal(forms.otherPasses(PAIR, carrier), true)
    rows.set(main, [0, 5])
    nowMs = 26_000
    forms.look()
    assert.deepEqual(forms.seen(plan.tunnels[0]!), {ipip: false, fou: true})
    assert.equal(forms.word(PAIR, carrier), false)
    // The tunnel's device sends in UDP now, the other one protocol 4; neither has answered anything since.
    planned = planOf()
    rows.set(main, [0, 6]).set(trial, [106, 0])
    forms.look()
    nowMs = 27_500
    forms.look()
    assert.deepEqual(forms.seen(planned.tunnels[0]!), {ipip: null, fou: null})
    assert.equal(forms.word(PAIR, {...carrier, ipip: false}), false)
  })

  it('neither passes: a finding that names the other end and what must pass', () => {
    const forms = watch()
    rows.set(main, [0, 99]).set(trial, [0, 99])
    forms.look()
    assert.deepEqual(forms.findings(), [])
    nowMs = 9000
    forms.look()
    const [finding] = forms.findings()
    assert.deepEqual([finding?.code, finding?.severity], ['tunnel-no-form', 'error'])
    assert.match(`${finding?.detail} ${finding?.remedy}`, /b\/b1\/wan is answered.*protocol 4/)
  })

  it('a tunnel that came to choose by itself is what it was, and may go back soon', () => {
    const {ipip: _said, ...before} = CARRIER
    const word = (carrier: Carrier | undefined): boolean => watch().word(PAIR, carrier)
    assert.deepEqual([word({...before, encapsulation: 'ipip'}), word(before), word(undefined)], [true, false, false])
  })
})
