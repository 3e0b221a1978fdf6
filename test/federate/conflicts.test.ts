import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import type {Conflict, Finding, GatewayConfig, RawRecord} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, changesOf, configOf, EXPORT, ISTHMUS, listOf, podRecord, remote, site} from '../support/sites.ts'

interface Said {
  readonly name: string
  readonly config?: Partial<GatewayConfig>
  readonly main?: readonly RawRecord[]
  readonly second?: readonly RawRecord[]
  readonly b?: readonly RawRecord[]
  readonly code: Finding['code']
  readonly conflict: Conflict
}

const tier = (order: number): RawRecord => rawRecord(`${ISTHMUS}tiers/t`, {metadata: {name: 't'}, spec: {order}})
const attributes = (id: string, kind: string): RawRecord => rawRecord(`${EXPORT}attributes/${id}`, {kind, labels: {}})

/** Each conflict names both sides, the one that counts first, and says what to do. */
const CASES: readonly Said[] = [
  {
    name: 'a site announces what another is granted',
    b: [rawRecord(`${EXPORT}site`, {as: 2, prefixes: ['10.3.4.0/24'], infrastructure: []})],
    code: 'prefix-conflict',
    conflict: {
      over: '10.3.4.0/24',
      sides: [
        {site: 'c', says: 'is granted 10.3.0.0/16'},
        {site: 'b', says: 'announces 10.3.4.0/24'},
      ],
      firstCounts: true,
    },
  },
  {
    name: 'a site announces what nobody is granted',
    b: [rawRecord(`${EXPORT}site`, {as: 2, prefixes: ['10.77.0.0/16'], infrastructure: []})],
    code: 'prefix-not-granted',
    conflict: {
      over: '10.77.0.0/16',
      sides: [
        {site: 'a', says: 'grants it 10.2.0.0/16'},
        {site: 'b', says: 'announces 10.77.0.0/16'},
      ],
      firstCounts: true,
    },
  },
  {
    name: "a pod of one site with another's address",
    main: [podRecord('web-1', '10.2.0.9')],
    code: 'endpoint-not-owned',
    conflict: {
      over: '10.2.0.9',
      sides: [
        {site: 'b', says: 'owns 10.2.0.0/16'},
        {site: 'a', says: 'shop/web-1 (datastore/main)'},
      ],
      firstCounts: true,
    },
  },
  {
    name: 'a pod with an address that is granted to nobody',
    main: [podRecord('web-1', '172.16.0.9')],
    code: 'endpoint-not-owned',
    conflict: {
      over: '172.16.0.9',
      sides: [
        {site: 'a', says: 'is granted 10.1.0.0/16, fd00:1::/48'},
        {site: 'a', says: 'shop/web-1 (datastore/main)'},
      ],
      firstCounts: true,
    },
  },
  {
    name: "a set of a site without authority over another's addresses",
    b: [attributes('s', 'set'), rawRecord(`${EXPORT}endpoints/main/10.3.0.0-24/s`, {n: ['partners']})],
    code: 'set-net-not-owned',
    conflict: {
      over: '10.3.0.0/24',
      sides: [
        {site: 'c', says: 'owns 10.3.0.0/16'},
        {site: 'b', says: 'partners (export/b)'},
      ],
      firstCounts: true,
    },
  },
  {
    name: 'one address in two datastores of a site: both are named, the one written last counts',
    main: [podRecord('web-1', '10.1.0.5', {revision: 7})],
    second: [podRecord('other', '10.1.0.5', {revision: 4})],
    code: 'address-duplicate',
    conflict: {
      over: '10.1.0.5',
      sides: [
        {site: 'a', says: 'shop/web-1 (datastore/main)'},
        {site: 'a', says: 'shop/other (datastore/second)'},
      ],
      firstCounts: true,
    },
  },
  {
    name: 'an inner address of ours',
    b: [
      rawRecord(`${EXPORT}gateways/b1`, {
        uplinks: [{name: 'wan', address: '192.0.2.2', inner: ['100.64.0.0', '100.64.0.9']}],
        tunnels: {},
      }),
    ],
    code: 'inner-address-conflict',
    conflict: {
      over: '100.64.0.0',
      sides: [
        {site: 'a', says: 'uplink a/a1/wan'},
        {site: 'b', says: 'uplink b/b1/wan'},
      ],
      firstCounts: true,
    },
  },
  {
    name: 'two authorities with one tier',
    config: {authorities: [site('b'), site('a')]},
    main: [tier(1)],
    b: [rawRecord(`${EXPORT}resources/tiers/t`, {metadata: {name: 't'}, spec: {order: 2}})],
    code: 'policy-conflict',
    conflict: {
      over: 'Tier t',
      sides: [
        {site: 'b', says: `${EXPORT}resources/tiers/t (export/b)`},
        {site: 'a', says: `${ISTHMUS}tiers/t (datastore/main)`},
      ],
      firstCounts: true,
    },
  },
  {
    name: 'a policy of a site without authority',
    b: [rawRecord(`${EXPORT}resources/tiers/t`, {metadata: {name: 't'}, spec: {order: 2}})],
    code: 'policy-not-authority',
    conflict: {
      over: 'global policies of site b',
      sides: [
        {site: 'a', says: 'takes them from a only'},
        {site: 'b', says: `has 1 global document(s), such as ${EXPORT}resources/tiers/t`},
      ],
      firstCounts: true,
    },
  },
  {
    name: 'grants that overlap: neither counts',
    config: {sites: new Map([remote('b', '10.2.0.0/16'), remote('c', '10.2.3.0/24')])},
    code: 'prefix-conflict',
    conflict: {
      over: '10.2.3.0/24',
      sides: [
        {site: 'b', says: 'is granted 10.2.0.0/16'},
        {site: 'c', says: 'is granted 10.2.3.0/24'},
      ],
      firstCounts: false,
    },
  },
]

describe('a conflict names both sides', () => {
  for (const {name, config = {}, main = [], second = [], b = [], code, conflict} of CASES) {
    it(name, () => {
      const federation = new Federation(configOf(config))
      federation.update(listOf('datastore/main', main))
      federation.update(listOf('datastore/second', second))
      federation.update(listOf('export/b', b))
      const found = federation.world().findings.filter((finding) => finding.code === code)
      assert.deepEqual(
        found.map((finding) => finding.conflict),
        [conflict],
      )
      assert.ok(found[0]?.remedy, 'what to do')
    })
  }

  it('goes when the labels go under which an endpoint was refused', () => {
    const endpoint = rawRecord(`${EXPORT}endpoints/main/10.3.0.1/x1`, {n: []})
    const federation = new Federation(configOf())
    federation.update(listOf('export/b', [attributes('x1', 'pod'), endpoint]))
    assert.equal(federation.world().refused.get(site('b')), 1)
    federation.update(changesOf('export/b', [], [`${EXPORT}attributes/x1`]))
    assert.deepEqual([...federation.world().refused], [])
  })

  it('endpoints of two datastores carry their names, and a selector can tell them apart', () => {
    const federation = new Federation(configOf())
    federation.update(listOf('datastore/main', [podRecord('web-1', '10.1.0.5')]))
    federation.update(
      listOf('datastore/second', [
        podRecord('web-1', '10.1.0.6', {labels: {'isthmus.io/datastore': 'main'}}),
        rawRecord(`${CALICO}hostendpoints/h`, {metadata: {}, spec: {node: 'n', expectedIPs: ['10.1.0.7']}}),
      ]),
    )
    const {members, attributes: sets} = federation.world()
    const datastoresAt = (address: string): unknown[] =>
      [...members]
        .filter(([prefix]) => prefix === `${address}/32`)
        .flatMap(([, at]) => at.map((member) => sets.get(member.attributes)?.labels['isthmus.io/datastore']))
    assert.deepEqual(['10.1.0.5', '10.1.0.6', '10.1.0.7'].map(datastoresAt), [['main'], ['second'], ['second']])
  })
})
