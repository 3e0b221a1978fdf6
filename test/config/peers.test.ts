import assert from 'node:assert/strict'
import {parseGatewayConfig} from '../../src/config/index.ts'
import type {WanPeer} from '../../src/model/index.ts'
import {BFD, plain, wanPeer} from '../support/wan-peer.ts'

const HEAD = `version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks:
  - {name: wan, address: 192.0.2.1, public: 198.51.100.1, inner: [100.64.0.0, 100.64.0.1]}
owns: [10.1.0.0/16]
datastores:
  - name: main
    kind: calico
    endpoints: [https://10.1.0.2:2379]
    tls: {ca: /ca.pem, cert: /a.pem, key: /a.key}
    export: {}
authorities: [a]
peers:
`
/** The line of the first peer. */
const FIRST = HEAD.split('\n').length

const parse = (...peers: string[]) =>
  parseGatewayConfig(`${HEAD}${peers.map((peer) => `  - {${peer}}\n`).join('')}`, 'gateway.yaml')

const peerOf = (more: string): WanPeer => {
  const {config, findings} = parse(`name: r1, address: 192.0.2.254, as: 64900${more}`)
  assert.deepEqual(findings, [])
  return config!.peers[0]!
}

describe('peers[]', () => {
  it('a router with its name, address and AS passes nothing, and has the defaults', () => {
    assert.deepEqual(peerOf(''), wanPeer())
  })

  it('a plain list of prefixes is what it was', () => {
    const peer = peerOf(', import: [192.0.2.0/24, "2001:db8::/32"], export: [192.0.2.0/24], bfd: true')
    assert.deepEqual(
      peer,
      wanPeer({import: plain('192.0.2.0/24', '2001:db8::/32'), export: plain('192.0.2.0/24'), bfd: BFD}),
    )
  })

  it('rules say what they match and what they set', () => {
    const rules = `[{prefixes: [10.0.0.0/8, {prefix: 172.16.0.0/12, le: 12}, {prefix: "fd00::/8", ge: 48}],
      communities: ["64512:100", "large:64512:1:2", "rt:64512:1", "soo:70000:*", no-export],
      asPath: {through: [64900, 64901], from: 65001, longerThan: 3}, action: accept,
      set: {localPreference: 200, med: 0, communities: [], removeCommunities: ["64512:*"], addCommunities: [blackhole]}},
      {action: reject}]`
    const {import: policy} = peerOf(`, import: ${rules}`)
    assert.ok('rules' in policy)
    assert.deepEqual(policy.rules[0], {
      prefixes: [
        {prefix: '10.0.0.0/8', ge: 8, le: 32},
        {prefix: '172.16.0.0/12', ge: 12, le: 12},
        {prefix: 'fd00::/8', ge: 48, le: 128},
      ],
      communities: [
        {kind: 'standard', parts: [64512, 100]},
        {kind: 'large', parts: [64512, 1, 2]},
        {kind: 'rt', parts: [64512, 1]},
        {kind: 'soo', parts: [70000, null]},
        {kind: 'standard', parts: [65535, 65281]},
      ],
      asPath: {through: [64900, 64901], from: [65001], next: null, longerThan: 3},
      action: 'accept',
      set: {
        localPreference: 200,
        med: 0,
        communities: [],
        removeCommunities: [{kind: 'standard', parts: [64512, null]}],
        addCommunities: [{kind: 'standard', parts: [65535, 666]}],
        prepend: 0,
      },
    })
    assert.equal(policy.rules[1]?.action, 'reject')
  })

  it('sessions of every kind', () => {
    assert.deepEqual(
      peerOf(', bfd: {profile: internet, intervalMs: 200}, ttlSecurity: true, role: customer, requireRole: true'),
      wanPeer({
        bfd: {profile: 'internet', intervalMs: 200, multiplier: null},
        ttlSecurity: true,
        role: 'customer',
        requireRole: true,
      }),
    )
    assert.equal(peerOf(', localAs: 64900, routeReflectorClient: true, clusterId: 192.0.2.9').clusterId, '192.0.2.9')
    assert.deepEqual(peerOf(', maxPrefixes: {action: restart}').maxPrefixes, {limit: 100_000, action: 'restart'})
  })

  const R1 = 'name: r1, address: 192.0.2.254, as: 64900'
  const IBGP = 'name: r1, address: 192.0.2.254, as: 4200000001'
  const rule = (text: string, direction = 'import') => [`${R1}, ${direction}: [{${text}}]`]
  const refused: {name: string; peers: string[]; field: string; detail: RegExp; remedy?: RegExp}[] = [
    {name: 'AS 0', peers: ['name: r1, address: 192.0.2.254, as: 0'], field: 'as', detail: /1 to 4294967294/},
    {
      name: 'an AS of 33 bits',
      peers: ['name: r1, address: 192.0.2.254, as: 4294967296'],
      field: 'as',
      detail: /1 to 4294967294/,
    },
    {
      name: 'an AS in words',
      peers: ['name: r1, address: 192.0.2.254, as: AS64900'],
      field: 'as',
      detail: /1 to 4294967294/,
    },
    {
      name: 'our uplink',
      peers: ['name: r1, address: 192.0.2.1, as: 64900'],
      field: 'address',
      detail: /our own: uplink wan/,
      remedy: /router's own/,
    },
    {
      name: 'our public address',
      peers: ['name: r1, address: 198.51.100.1, as: 64900'],
      field: 'address',
      detail: /our own/,
    },
    {
      name: 'our inner address',
      peers: ['name: r1, address: 100.64.0.1, as: 64900'],
      field: 'address',
      detail: /inner address of uplink wan/,
    },
    {
      name: 'the interconnect',
      peers: ['name: r1, address: 100.64.9.1, as: 64900'],
      field: 'address',
      detail: /inside interconnect/,
    },
    {
      name: 'a group',
      peers: ['name: r1, address: 224.0.0.5, as: 64900'],
      field: 'address',
      detail: /no router's address/,
    },
    {name: 'a negative hop count', peers: [`${R1}, multihop: 1`], field: 'multihop', detail: /2/},
    {
      name: 'neighbour and far',
      peers: [`${R1}, multihop: 4, ttlSecurity: true`],
      field: 'ttlSecurity',
      detail: /on the link/,
      remedy: /take one/,
    },
    {name: 'a role in iBGP', peers: [`${IBGP}, role: peer`], field: 'role', detail: /our own.*no roles/},
    {name: 'GTSM in iBGP', peers: [`${IBGP}, ttlSecurity: true`], field: 'ttlSecurity', detail: /iBGP/},
    {name: 'a role that is none', peers: [`${R1}, role: boss`], field: 'role', detail: /"provider", "customer"/},
    {
      name: 'a role required of one',
      peers: [`${R1}, requireRole: true`],
      field: 'requireRole',
      detail: /own/,
      remedy: /role: customer/,
    },
    {
      name: 'a client outside',
      peers: [`${R1}, routeReflectorClient: true`],
      field: 'routeReflectorClient',
      detail: /not our own/,
      remedy: /localAs: 64900/,
    },
    {
      name: 'a cluster without client',
      peers: [`${IBGP}, clusterId: 192.0.2.9`],
      field: 'clusterId',
      detail: /no client/,
    },
    {
      name: 'a cluster id that is none',
      peers: [`${IBGP}, routeReflectorClient: true, clusterId: "::1"`],
      field: 'clusterId',
      detail: /IPv4/,
    },
    {
      name: 'private AS refused of a private AS',
      peers: [`${R1}, rejectPrivateAs: true`],
      field: 'rejectPrivateAs',
      detail: /64900 is private/,
    },
    {
      name: 'BFD far away without an address',
      peers: ['name: r1, address: "2001:db8::1", as: 64900, multihop: 2, bfd: true'],
      field: 'bfd',
      detail: /IPv6/,
    },
    {name: 'BFD that is neither', peers: [`${R1}, bfd: fast`], field: 'bfd', detail: /must be boolean or object/},
    {
      name: 'a profile that is none',
      peers: [`${R1}, bfd: {profile: fast}`],
      field: 'bfd.profile',
      detail: /"private", "internet"/,
    },
    {
      name: 'an action that is none',
      peers: [`${R1}, maxPrefixes: {action: ignore}`],
      field: 'maxPrefixes.action',
      detail: /"warn", "block"/,
    },
    {name: 'passing on for nobody', peers: [`${R1}, passOn: [r2]`], field: 'passOn[0]', detail: /no other peer r2/},
    {
      name: 'a rule without action',
      peers: rule('prefixes: [10.0.0.0/8]'),
      field: 'import[0].action',
      detail: /missing/,
    },
    {
      name: 'a rule with an unknown key',
      peers: rule('action: accept, prefix: [10.0.0.0/8]'),
      field: 'import[0].prefix',
      detail: /unknown key "prefix"/,
    },
    {
      name: 'host bits in a rule',
      peers: rule('action: accept, prefixes: [10.0.0.1/8]'),
      field: 'import[0].prefixes[0]',
      detail: /host bits/,
    },
    {
      name: 'neither prefix nor rule',
      peers: [`${R1}, import: [7]`],
      field: 'import[0]',
      detail: /must be string or object/,
    },
    {
      name: 'both in one list',
      peers: [`${R1}, import: [10.0.0.0/8, {action: accept}]`],
      field: 'import[1]',
      detail: /prefixes and rules/,
    },
    {
      name: 'a range without lengths',
      peers: rule('action: accept, prefixes: [{prefix: 10.0.0.0/8}]'),
      field: 'import[0].prefixes[0]',
      detail: /without ge and le/,
      remedy: /le: 8/,
    },
    {
      name: 'a length outside',
      peers: rule('action: accept, prefixes: [{prefix: 10.0.0.0/8, le: 33}]'),
      field: 'import[0].prefixes[0].le',
      detail: /length 33/,
      remedy: /8 to 32/,
    },
    {
      name: 'ge above le',
      peers: rule('action: accept, prefixes: [{prefix: 10.0.0.0/8, ge: 24, le: 16}]'),
      field: 'import[0].prefixes[0].ge',
      detail: /above/,
    },
    {
      name: 'a community of 17 bits',
      peers: rule('action: accept, communities: ["65536:1"]'),
      field: 'import[0].communities[0]',
      detail: /"65536:1" is not a community/,
    },
    {
      name: 'a community set with *',
      peers: rule('action: accept, set: {addCommunities: ["64512:*"]}'),
      field: 'import[0].set.addCommunities[0]',
      detail: /not a community/,
    },
    {
      name: 'an extended one too long',
      peers: rule('action: accept, communities: ["rt:70000:70000"]'),
      field: 'import[0].communities[0]',
      detail: /not a community/,
    },
    {
      name: 'refused and set',
      peers: rule('action: reject, set: {med: 1}'),
      field: 'import[0].set',
      detail: /nothing to set/,
    },
    {
      name: 'prepend on import',
      peers: rule('action: accept, set: {prepend: 2}'),
      field: 'import[0].set.prepend',
      detail: /longer/,
      remedy: /localPreference/,
    },
    {
      name: 'local preference to another AS',
      peers: rule('action: accept, set: {localPreference: 2}', 'export'),
      field: 'export[0].set.localPreference',
      detail: /does not leave/,
    },
    {
      name: 'an AS path of no AS',
      peers: rule('action: accept, asPath: {from: 0}'),
      field: 'import[0].asPath.from',
      detail: /1 to 4294967294/,
    },
  ]
  for (const {name, peers, field, detail, remedy} of refused) {
    it(`${name}: refused with its place`, () => {
      const {config, findings} = parse(...peers)
      assert.equal(config, null)
      const [found, ...others] = findings
      assert.deepEqual(others, [])
      assert.equal(found?.where.field, `peers[0].${field}`)
      assert.equal(found?.where.line, FIRST)
      assert.ok((found?.where.column ?? 0) > 3)
      assert.match(found?.detail ?? '', detail)
      if (remedy) assert.match(found?.remedy ?? '', remedy)
    })
  }

  it('two peers with one address, and with one name', () => {
    const {findings} = parse(R1, R1.replace('r1', 'r2'), R1.replace('.254', '.253'))
    assert.deepEqual(
      findings.map(({where, detail}) => `${where.line} ${where.field} ${detail}`),
      [
        `${FIRST + 1} peers[1].address peer r1 has 192.0.2.254 too`,
        `${FIRST + 2} peers[2].name a second peer is named r1`,
      ],
    )
  })

  const warned: {name: string; more: string; field: string; detail: RegExp}[] = [
    {
      name: 'a list that seems to take the default route',
      more: 'import: [0.0.0.0/0]',
      field: 'import[0]',
      detail: /default route itself is not taken/,
    },
    {
      name: 'a rule that seems to take the default route',
      more: 'import: [{prefixes: [{prefix: 0.0.0.0/0, le: 8}], action: accept}]',
      field: 'import[0].prefixes[0]',
      detail: /default route itself is not taken/,
    },
    {
      name: 'rules after one that decides all',
      more: 'import: [{action: accept}, {prefixes: [10.0.0.0/8], action: reject}]',
      field: 'import[1]',
      detail: /never looked at: rule 0/,
    },
  ]
  for (const {name, more, field, detail} of warned) {
    it(`${name}: a warning`, () => {
      const {config, findings} = parse(`${R1}, ${more}`)
      assert.ok(config)
      assert.deepEqual(
        findings.map(({severity, where}) => [severity, where.field]),
        [['warning', `peers[0].${field}`]],
      )
      assert.match(findings[0]!.detail, detail)
    })
  }
})
