import assert from 'node:assert/strict'
import {exportRecords} from '../../src/export/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {
  GatewayConfig,
  GatewayName,
  RawRecord,
  TunnelOffer,
  UplinkName,
  UplinkRef,
  WgPublicKey,
} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {address, CALICO, configOf, EXPORT, ISTHMUS, listOf, podRecord, prefix} from '../support/sites.ts'

const OFFERS = new Map<UplinkRef, readonly TunnelOffer[]>([
  [
    'c/c1/wan',
    [
      {
        slot: 0,
        uplink: 'wan' as UplinkName,
        encapsulation: 'wireguard',
        publicKey: 'jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY=' as WgPublicKey,
        port: 51820,
        port6: null,
        serial: 3,
        leaving: true,
      },
    ],
  ],
  [
    'b/b1/wan',
    [{slot: 0, uplink: 'wan' as UplinkName, encapsulation: 'ipip', publicKey: null, port: null, port6: null}],
  ],
])

const CONFIG = configOf({
  static: [{prefix: prefix('10.1.200.0/24'), via: address('192.168.10.7'), labels: {role: 'rack'}}],
  infrastructure: [prefix('192.168.10.0/24')],
})

/** `isReversed`: the records come in another order. */
function federated(config: GatewayConfig = CONFIG, isReversed = false): Federation {
  const federation = new Federation(config)
  const list = (records: readonly RawRecord[]): readonly RawRecord[] => (isReversed ? records.toReversed() : records)
  federation.update(
    listOf(
      'datastore/main',
      list([
        podRecord('web-1', '10.1.0.5', {labels: {app: 'web'}}),
        podRecord('out', '10.9.0.1'),
        rawRecord(`${CALICO}globalnetworksets/s`, {
          metadata: {labels: {z: '1', a: '2'}},
          spec: {nets: ['10.1.7.0/24']},
        }),
        rawRecord(`${ISTHMUS}globalnetworkpolicies/p`, '{"spec": {"order": 1,  "future": [1]}}'),
        rawRecord(`${CALICO}globalnetworkpolicies/local`, {spec: {}}),
      ]),
    ),
  )
  federation.update(
    listOf('export/b', [
      rawRecord(`${EXPORT}attributes/x1`, {kind: 'pod', labels: {}}),
      rawRecord(`${EXPORT}endpoints/main/10.2.0.5/x1`, {n: []}),
      rawRecord(`${EXPORT}resources/globalnetworkpolicies/theirs`, {spec: {}}),
    ]),
  )
  return federation
}

describe('exportRecords', () => {
  it('is exactly this, sorted: the own site’s and nothing refused, remote or granted', () => {
    const records = exportRecords(federated().world(), CONFIG, {tunnels: OFFERS})
    const ids = [...records.keys()].flatMap((key) => key.match(/endpoints\/.*\/(.*)/)?.[1] ?? [])
    const text = [...records].map(([key, value]) => `${key.slice(EXPORT.length)} ${value}`).join('\n')
    const [pod, rack, set] = ids
    const attributes: Record<string, string> = {
      [pod!]:
        '{"kind":"pod","labels":{"app":"web","isthmus.io/datastore":"main","isthmus.io/site":"a","projectcalico.org/namespace":"shop","projectcalico.org/orchestrator":"k8s"},"namespace":"shop","serviceAccount":null,"ports":[]}',
      [rack!]:
        '{"kind":"prefix","labels":{"isthmus.io/site":"a","role":"rack"},"namespace":null,"serviceAccount":null,"ports":[]}',
      [set!]: '{"kind":"set","labels":{"a":"2","z":"1"},"namespace":null,"serviceAccount":null,"ports":[]}',
    }
    assert.equal(
      text,
      [
        ...Object.keys(attributes)
          .sort()
          .map((id) => `attributes/${id} ${attributes[id]}`),
        `endpoints/main/10.1.0.5/${pod} {"n":["shop/web-1"]}`,
        `endpoints/main/10.1.200.0-24/${rack} {"n":["10.1.200.0/24"]}`,
        `endpoints/main/10.1.7.0-24/${set} {"n":["s"]}`,
        'gateways/a1 {"uplinks":[{"name":"wan","address":"192.0.2.1","inner":["100.64.0.0","100.64.0.1"]}],"tunnels":{"b/b1/wan":[{"slot":0,"uplink":"wan","encapsulation":"ipip"}],"c/c1/wan":[{"slot":0,"uplink":"wan","encapsulation":"wireguard","publicKey":"jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY=","port":51820,"serial":3,"leaving":true}]}}',
        'meta {"schema":1,"site":"a","generation":1,"local":[]}',
        'resources/globalnetworkpolicies/p {"spec": {"order": 1,  "future": [1]}}',
        'site {"as":4200000001,"prefixes":["10.1.0.0/16","10.1.200.0/24","fd00:1::/48"],"infrastructure":["192.168.10.0/24"]}',
      ].join('\n'),
    )
  })

  it('gives the same bytes whatever order the offers come in', () => {
    const world = federated().world()
    const other = exportRecords(federated().world(), CONFIG, {tunnels: new Map([...OFFERS].reverse())})
    assert.deepEqual([...exportRecords(world, CONFIG, {tunnels: OFFERS})], [...other])
  })

  it('is the same from both gateways of a site, byte for byte, but for each one’s own record', () => {
    const [uplink] = CONFIG.uplinks
    const twin = {
      ...CONFIG,
      gateway: 'a2' as GatewayName,
      twin: 'a1' as GatewayName,
      uplinks: [
        {...uplink!, address: address('192.0.2.9'), inner: {4: [address('100.64.0.8'), address('100.64.0.9')], 6: []}},
      ],
    }
    const rest = (records: ReadonlyMap<string, string>): [string, string][] =>
      [...records].filter(([key]) => !key.startsWith(`${EXPORT}gateways/`))
    const own = exportRecords(federated().world(), {...CONFIG, twin: 'a2' as GatewayName}, {tunnels: OFFERS})
    const other = exportRecords(federated(twin, true).world(), twin, {tunnels: new Map()})
    assert.deepEqual(rest(other), rest(own))
    assert.deepEqual(
      [own, other].map((records) => [...records.keys()].filter((key) => key.startsWith(`${EXPORT}gateways/`))),
      [[`${EXPORT}gateways/a1`], [`${EXPORT}gateways/a2`]],
    )
  })
})
