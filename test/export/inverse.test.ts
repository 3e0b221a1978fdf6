import assert from 'node:assert/strict'
import fc from 'fast-check'
import {decodeRecord} from '../../src/decode/index.ts'
import {exportRecords} from '../../src/export/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {DecodedBatch, GatewayName, RawRecord, World} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, configOf, ISTHMUS, listOf, podRecord, prefix, profileRecord, remote, site} from '../support/sites.ts'

const CONFIG_A = configOf({authorities: [site('a')]})
/** Site b, which grants a what a owns. */
const CONFIG_B = configOf({
  site: site('b'),
  gateway: 'b1' as GatewayName,
  owns: [prefix('10.2.0.0/16')],
  uplinks: [],
  sites: new Map([remote('a', '10.1.0.0/16', 'fd00:1::/48'), remote('c', '10.3.0.0/16')]),
  authorities: [site('a')],
})

const label = fc.constantFrom('web', 'db', 'cache', '', '__proto__', 'größe')
const octet = fc.integer({min: 0, max: 9})

const record: fc.Arbitrary<RawRecord> = fc.oneof(
  fc
    .record({
      name: octet,
      ip: octet,
      app: label,
      six: fc.boolean(),
      account: fc.constantFrom('', 'sa'),
      revision: octet,
    })
    .map(({name, ip, app, six, account, revision}) =>
      podRecord(`p-${name}`, six ? `fd00:1::${ip}` : `10.1.0.${ip}`, {
        labels: {app, [app || 'none']: 'x'},
        profiles: ['kns.shop'],
        serviceAccount: account,
        revision,
      }),
    ),
  label.map((env) => profileRecord('kns.shop', {'pcns.env': env})),
  fc.tuple(octet, label, octet).map(([name, set, net]) =>
    rawRecord(`${CALICO}globalnetworksets/s${name}`, {
      metadata: {labels: {set}},
      spec: {nets: [`10.1.${net}.0/24`, '203.0.113.0/24', `10.1.0.${net}`]},
    }),
  ),
  fc
    .tuple(octet, label)
    .map(([name, set]) =>
      rawRecord(`${CALICO}networksets/shop/s${name}`, {metadata: {labels: {set}}, spec: {nets: ['10.2.0.0/24']}}),
    ),
  fc.tuple(octet, label).map(([name, role]) =>
    rawRecord(`${ISTHMUS}staticprefixes/x${name}`, {
      metadata: {labels: {role}},
      spec: {prefix: name === 0 ? '10.1.0.0/16' : `10.1.${name}.0/24`},
    }),
  ),
  fc.tuple(octet, octet, fc.constantFrom(CALICO, ISTHMUS), fc.boolean()).map(([name, order, root, legacy]) =>
    rawRecord(`${root}globalnetworkpolicies/${legacy ? 'default.' : ''}g${name}`, {
      metadata: {annotations: {'isthmus.io/scope': 'global'}, name: `${legacy ? 'default.' : ''}g${name}`},
      spec: {
        order,
        selector: "app == 'web'",
        ingress: [{action: 'Allow', protocol: 'TCP', destination: {ports: ['http']}}],
      },
    }),
  ),
  octet.map((order) => rawRecord(`${ISTHMUS}tiers/t${order}`, {spec: {order}})),
)

/** Site a's members as plain data; the source is another at the other end, the names of one membership together. */
function membersOfA(world: World): unknown {
  const rows = new Map<string, Set<string>>()
  for (const [at, members] of world.members) {
    for (const member of members) {
      if (member.site !== 'a') continue
      const key = `${at} ${member.attributes} ${JSON.stringify(world.attributes.get(member.attributes))}`
      rows.set(key, new Set([...(rows.get(key) ?? []), ...member.names]))
    }
  }
  return [...rows].map(([key, names]) => `${key} ${[...names].sort()}`).sort()
}

describe('exportRecords and federate', () => {
  it('are inverse: the other end knows of a site what it knows of itself', () => {
    fc.assert(
      fc.property(fc.array(record, {maxLength: 20}), fc.array(record, {maxLength: 8}), (main, second) => {
        const here = new Federation(CONFIG_A)
        here.update(listOf('datastore/main', unique(main)))
        here.update(listOf('datastore/second', unique(second)))
        const exported = exportRecords(here.world(), CONFIG_A, {tunnels: new Map()})

        const there = new Federation(CONFIG_B)
        const upserts = [...exported].map(([key, value]) => decodeRecord(rawRecord(key, value)))
        assert.deepEqual(
          upserts.flatMap((entry) => entry.findings),
          [],
        )
        const batch: DecodedBatch = {
          source: 'export/a',
          type: 'list',
          revision: 1,
          clusterId: 'x',
          upserts,
          deletes: [],
        }
        there.update(batch)

        assert.deepEqual(membersOfA(there.world()), membersOfA(here.world()))
        assert.deepEqual(there.world().policies, here.world().policies)
        assert.deepEqual(there.world().sites.get(site('a')), here.world().sites.get(site('a')))
        assert.equal(there.world().refused.size, 0)
      }),
      {numRuns: 300},
    )
  })
})

const unique = (records: readonly RawRecord[]): RawRecord[] => [
  ...new Map(records.map((entry) => [entry.key, entry])).values(),
]
