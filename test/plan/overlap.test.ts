import assert from 'node:assert/strict'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {RawRecord} from '../../src/model/index.ts'
import {plan} from '../../src/plan/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {rawRecord} from '../support/records.ts'
import {EXPORT, listOf, prefix, site} from '../support/sites.ts'

/** What a remote site exports that offers gateway a1 a tunnel and has one pod. */
function exportOf(name: string, number: number, owns: string, pod: string): RawRecord[] {
  const inner = [`100.64.${number}.0`, `100.64.${number}.1`]
  return [
    rawRecord(`${EXPORT}meta`, {schema: 1, site: name, generation: 1}),
    rawRecord(`${EXPORT}site`, {as: 4200000000 + number, prefixes: [owns], infrastructure: []}),
    rawRecord(`${EXPORT}gateways/${name}1`, {
      uplinks: [{name: 'wan', address: `198.51.100.${number}`, inner}],
      tunnels: {'a/a1/wan': [{slot: 0, uplink: 'wan', encapsulation: 'ipip'}]},
    }),
    rawRecord(`${EXPORT}attributes/x`, {kind: 'pod', labels: {app: name}}),
    rawRecord(`${EXPORT}endpoints/main/${pod}/x`, {n: ['shop/pod']}),
  ]
}

/** All that gateway a1 would do, with sites b and c configured and both telling all they have. */
function plannedWith(b: string, c: string) {
  const sites = `{b: {${b}, endpoints: [http://127.0.0.1:1], insecure: true}, c: {${c}, endpoints: [http://127.0.0.1:2], insecure: true}}`
  const {config} = parseGatewayConfig(gatewayYaml(['http://127.0.0.1:3'], {sites}), 'gateway.yaml')
  assert.ok(config)
  const federation = new Federation(config)
  for (const batch of [
    listOf('datastore/main', []),
    listOf('export/b', exportOf('b', 2, '10.2.0.0/16', '10.2.0.7')),
    listOf('export/c', exportOf('c', 3, '10.2.0.0/16', '10.2.0.9')),
  ]) {
    // A gateway does not even read what is not configured.
    if (batch.source.startsWith('datastore/') || config.sites.has(site(batch.source.slice('export/'.length)))) {
      federation.update(batch)
    }
  }
  const world = federation.world()
  const policy = compilePolicy(world, {default: config.default, previous: null, firstClass: 7})
  const ways = {keys: new Map(), passwords: new Map(), uplinkDevices: [], devices: new Map(), limits: new Map()}
  const input = {config, world, policy, draining: false, ...ways}
  return {world, desired: plan(input).desired}
}

describe('two remote sites that own one prefix', () => {
  it('the later one has no tunnel, no session, no route and no member, the other has all', () => {
    const {world, desired} = plannedWith('owns: [10.2.0.0/16]', 'owns: [10.2.0.0/16]')
    assert.deepEqual(
      desired.tunnels.map(({site}) => site),
      ['b'],
    )
    assert.deepEqual(
      [world.members.has(prefix('10.2.0.7/32')), world.members.has(prefix('10.2.0.9/32'))],
      [true, false],
    )
    const all = [desired.bird, ...[...desired.nft.chains.values()].flatMap(({rules}) => rules)].join('\n')
    assert.ok(all.includes('100.64.2.0') && !all.includes('100.64.3.'), 'nothing speaks of c')
    const finding = desired.findings.find(({code}) => code === 'prefix-conflict')
    assert.match(finding!.detail, /site c is not connected: its 10\.2\.0\.0\/16 overlaps site b's 10\.2\.0\.0\/16/)
  })

  it('translated, both are connected, each by its own name', () => {
    const translate = 'translate: [{prefix: 10.2.0.0/16, as: 10.202.0.0/16}]'
    const {world, desired} = plannedWith('owns: [10.2.0.0/16]', `owns: [10.2.0.0/16], ${translate}`)
    assert.deepEqual(desired.findings, [])
    assert.deepEqual(
      desired.tunnels.map(({site}) => site),
      ['b', 'c'],
    )
    assert.deepEqual(
      ['10.2.0.7/32', '10.202.0.9/32', '10.2.0.9/32'].map((at) => world.members.get(prefix(at))?.[0]?.site),
      ['b', 'c', undefined],
    )
    const {chains, sets} = desired.nft
    assert.deepEqual([...chains.keys()].filter((name) => /^(arrive|leave)/.test(name)).sort(), [
      'arrive',
      'arrive_c',
      'leave',
      'leave_c',
    ])
    const [device] = sets.get('arriving')!.elements.keys()
    assert.equal(device, desired.tunnels[1]!.device)
    assert.match(desired.bird, /route 10\.202\.0\.0\/16 via 100\.64\.3\.0%'is-c-\w+';/)
    assert.match(desired.bird, /net ~ \[ 10\.2\.0\.0\/16\+ \]/, 'b announces it')
  })
})
