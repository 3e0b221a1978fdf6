import assert from 'node:assert/strict'
import fc from 'fast-check'
import {gatewayFileOf, type Setup} from '../../../src/cli/setup/gateway-file.ts'
import {judge} from '../../../src/cli/setup/judge.ts'
import {type Machine, QUESTIONS} from '../../../src/cli/setup/questions.ts'
import {settle} from '../../../src/cli/setup/settle.ts'
import {parseGatewayConfig} from '../../../src/config/index.ts'

/** Two devices: the way out, and a LAN. */
const MACHINE: Machine = {
  hostname: 'fra2.fra.example.net',
  addresses: [
    {device: 'eth0', address: '203.0.113.7'},
    {device: 'eth1', address: 'fd00:9::7'},
    {device: 'eth1', address: '192.168.10.7'},
  ],
  networks: [
    {device: 'eth0', prefix: '203.0.113.0/24'},
    {device: 'eth1', prefix: '192.168.10.0/24'},
  ],
  defaultRoute: {device: 'eth0', via: '203.0.113.1'},
}
const B = {name: 'b', owns: '10.2.0.0/16', endpoints: 'https://198.51.100.2:2379', encapsulation: 'fou', bfd: 'private'}

const configOf = (setup: Setup, machine: Machine | null = MACHINE) => {
  const settled = settle(setup, machine)
  assert.deepEqual(settled.faults, [])
  assert.deepEqual(judge(settled.setup, machine), [])
  const {config, findings} = parseGatewayConfig(gatewayFileOf(settled.setup, machine), 'gateway.yaml')
  assert.deepEqual(findings, [])
  return config!
}

describe('isthmus setup: answers', () => {
  it('what is not said is taken from the machine', () => {
    const config = configOf({answers: {owns: '10.1.0.0/16'}, sites: []})
    const {site, gateway, as, uplinks, infrastructure, datastores, authorities, twin, peers, nodes} = config
    assert.deepEqual([site, gateway, as], ['fra', 'fra2', 4200000466])
    assert.deepEqual(uplinks[0]!.address, '203.0.113.7')
    // The numbers 466 and 1.
    assert.deepEqual(uplinks[0]!.inner, {4: ['100.64.29.34', '100.64.29.35'], 6: []})
    assert.deepEqual(infrastructure, ['192.168.10.0/24'])
    assert.deepEqual(datastores[0]!.endpoints, ['https://203.0.113.7:2379'])
    assert.equal(datastores[0]!.kind, 'isthmus')
    assert.deepEqual([authorities, twin, peers, nodes], [['fra'], null, [], null])
  })

  const meanings: {
    name: string
    answers: Record<string, string>
    want: (config: ReturnType<typeof configOf>) => void
  }[] = [
    {
      name: 'a twin on a LAN, whose own address is found on the device',
      answers: {twin: 'fra1', lanDevice: 'eth1', lanTwin: '192.168.10.8'},
      want: ({lan}) =>
        assert.deepEqual({...lan}, {device: 'eth1', address: '192.168.10.7', twin: '192.168.10.8', watch: []}),
    },
    {
      name: 'a twin and no LAN',
      answers: {twin: 'fra1', lanDevice: 'none'},
      want: ({twin, lan}) => assert.deepEqual([twin, lan], ['fra1', null]),
    },
    {
      name: 'a cluster of its own: BGP with its nodes',
      answers: {etcd: 'https://10.1.0.2:2379 https://10.1.0.3:2379'},
      want: ({datastores: [main], nodes}) => {
        assert.deepEqual(
          [main!.kind, main!.endpoints.length, main!.tls?.cert],
          ['calico', 2, '/etc/isthmus/tls/gateway.pem'],
        )
        assert.equal(nodes?.localAs, 64512)
      },
    },
    {
      name: 'etcd in clear text, said so',
      answers: {etcd: 'http://10.1.0.2:2379', kind: 'isthmus'},
      want: ({datastores: [main]}) => assert.equal(main!.tls, null),
    },
    {
      name: 'a router of the WAN, told of the uplink',
      answers: {router: '203.0.113.1', routerAs: '64900', routerImport: '198.51.100.0/24'},
      want: ({peers: [peer]}) => assert.deepEqual([peer!.name, peer!.as], ['wan1', 64900]),
    },
    {
      name: 'the uplink by its device',
      answers: {address: 'eth1'},
      want: ({uplinks, infrastructure}) => {
        assert.equal(uplinks[0]!.address, '192.168.10.7')
        assert.deepEqual(infrastructure, ['203.0.113.0/24'])
      },
    },
    {
      name: 'inner addresses of both families',
      answers: {interconnect: '100.64.0.0/16, fd64::/48', number: '1', gatewayNumber: '0'},
      want: ({uplinks}) =>
        assert.deepEqual(uplinks[0]!.inner, {4: ['100.64.0.16', '100.64.0.17'], 6: ['fd64::10', 'fd64::11']}),
    },
  ]
  for (const {name, answers, want} of meanings) {
    it(name, () => want(configOf({answers: {owns: '10.1.0.0/16', ...answers}, sites: []})))
  }

  it('other sites, encrypted where packets cross the Internet unless it is said otherwise', () => {
    const {name, owns, endpoints} = B
    const sites = (site: Record<string, string>, answers = {}) =>
      configOf({answers: {owns: '10.1.0.0/16', ...answers}, sites: [site]})
        .sites.values()
        .next().value!
    assert.equal(sites({name, owns, endpoints}).encapsulation, 'wireguard')
    assert.equal(sites({name, owns, endpoints}, {address: 'eth1'}).encapsulation, 'ipip')
    assert.deepEqual([sites(B).encapsulation, sites(B).tls?.key], ['fou', '/etc/isthmus/sites/b/client.key'])
  })

  const wrong: {
    name: string
    answers?: Record<string, string>
    sites?: Record<string, string>[]
    says: RegExp
    at: string
  }[] = [
    {name: 'no site name', answers: {site: 'Fra'}, says: /"Fra" is not a site name/, at: 'site'},
    {name: 'a prefix with host bits', answers: {owns: '10.1.0.1/16'}, says: /is not a prefix such as/, at: 'owns'},
    {name: 'an AS that is none', answers: {as: 'AS1'}, says: /must be an AS number/, at: 'as'},
    {name: 'own prefixes inside the interconnect', answers: {owns: '100.64.1.0/24'}, says: /100\.64/, at: 'owns'},
    {name: 'a site number too large', answers: {number: '4096'}, says: /from 0 to 4095/, at: 'number'},
    {
      name: 'a site number behind a small pool',
      answers: {interconnect: '100.64.0.0/24', number: '16'},
      says: /from 0 to 15: 100\.64\.0\.0\/24 has room/,
      at: 'number',
    },
    {
      name: 'a pool too small for one site',
      answers: {interconnect: '100.64.0.0/30'},
      says: /sixteen addresses/,
      at: 'interconnect',
    },
    {name: 'a ninth gateway', answers: {gatewayNumber: '8'}, says: /from 0 to 7/, at: 'gatewayNumber'},
    {
      name: 'neither address nor device',
      answers: {address: 'eth7'},
      says: /neither an IP address nor a device/,
      at: 'address',
    },
    {name: 'an etcd that is no URL', answers: {etcd: '10.1.0.2'}, says: /is not an etcd address/, at: 'etcd'},
    {name: 'the default is a word', answers: {default: 'maybe'}, says: /one of "allow", "deny"/, at: 'default'},
    {name: 'its own twin', answers: {gateway: 'a1', twin: 'a1'}, says: /this gateway itself/, at: 'twin'},
    {
      name: 'a LAN that is not there',
      answers: {twin: 'a2', lanDevice: 'eth9'},
      says: /no device with an IPv4/,
      at: 'lanDevice',
    },
    {name: 'a LAN without a twin', answers: {lanDevice: 'eth1'}, says: /goes with `twin`/, at: 'lanDevice'},
    {name: 'an AS of no router', answers: {routerAs: '64900'}, says: /goes with `router`/, at: 'routerAs'},
    {
      name: 'a router at our own address',
      answers: {address: '203.0.113.7', router: '203.0.113.7', routerAs: '64900'},
      says: /is our own/,
      at: 'router',
    },
    {name: 'an authority that nobody knows', answers: {authorities: 'x'}, says: /no site x/, at: 'authorities'},
    {name: 'nothing where there must be something', answers: {site: 'none'}, says: /must be something/, at: 'site'},
    {name: 'an answer to no question', answers: {sit: 'a'}, says: /did you mean site/, at: 'sit'},
    {name: 'another site that is this one', answers: {site: 'b'}, sites: [B], says: /own site/, at: 'name'},
    {name: 'a site twice', sites: [B, B], says: /named twice/, at: 'name'},
    {name: 'vxlan', sites: [{...B, encapsulation: 'vxlan'}], says: /not an encapsulation/, at: 'encapsulation'},
    {
      name: 'an unknown way of encapsulation',
      sites: [{...B, encapsulation: 'gre'}],
      says: /must be one of/,
      at: 'encapsulation',
    },
  ]
  for (const {name, answers = {}, sites = [], says, at} of wrong) {
    it(`refuses ${name}`, () => {
      const setup = {answers, sites}
      const faults = judge(setup, MACHINE).filter(({severity}) => severity === 'error')
      assert.deepEqual(
        faults.map(({id}) => id),
        [at],
        JSON.stringify(faults),
      )
      assert.match(`${faults[0]!.detail}; ${faults[0]!.remedy}`, says)
    })
  }

  it('says what is missing, and of another machine only what that one will not tell', () => {
    const missing = (machine: Machine | null) => settle({answers: {}, sites: []}, machine).faults.map(({id}) => id)
    assert.deepEqual(missing(MACHINE), ['owns'])
    assert.deepEqual(missing(null), ['site', 'owns'])
  })

  it('an address that is not here is noted, not refused', () => {
    const [fault, ...more] = judge({answers: {address: '203.0.113.8'}, sites: []}, MACHINE)
    assert.deepEqual([fault!.severity, fault!.id, more], ['warning', 'address', []])
  })

  it('whatever is taken is a configuration that says the same; whatever is said, nothing throws', () => {
    const mostly = (good: string[], bad: string[]): fc.Arbitrary<string> =>
      fc.oneof({weight: 40, arbitrary: fc.constantFrom(...good)}, {weight: 1, arbitrary: fc.constantFrom(...bad)})
    const own = mostly(
      ['10.1.0.0/16', '10.3.0.0/24, fd00:1::/48', '10.4.0.0/24 10.5.0.0/24'],
      ['100.64.0.0/16', '10.1.0.1/8', 'none'],
    )
    const odd: Record<string, fc.Arbitrary<string>> = {
      site: mostly(['a', 'fra', 'x-1'], ['b', 'Bad', '']),
      gateway: mostly(['a1', 'g'], ['A']),
      twin: mostly(['a2', 'none'], ['a1', 'none 2']),
      address: mostly(['203.0.113.7', 'eth1', 'fd00:9::7', '10.9.9.9'], ['nowhere']),
      public: mostly(['198.51.100.9', 'none'], ['?']),
      interconnect: mostly(
        ['100.64.0.0/16', '100.64.0.0/24', '100.64.0.0/16 fd64::/48', 'fd64::/64'],
        ['x', 'fd64::/126'],
      ),
      number: fc.integer({min: 0, max: 17}).map(String),
      gatewayNumber: mostly(['0', '7'], ['8', '-1']),
      as: mostly(['64513', '4200000007'], ['0', '23456', 'AS1']),
      owns: own,
      infrastructure: mostly(['none', '192.168.10.0/24'], ['10.1.0.1/8']),
      default: mostly(['allow', 'deny'], ['no']),
      etcd: mostly(['here', 'https://10.9.0.1:2379', 'http://10.9.0.1:2379'], ['http://a:1 https://b:2', 'x']),
      kind: mostly(['calico', 'isthmus'], ['file']),
      nodes: mostly(['64512', 'none'], ['0']),
      lanDevice: mostly(['eth1', 'none'], ['eth5']),
      lanTwin: mostly(['192.168.10.8'], ['192.168.10.7', 'fd00::1']),
      router: mostly(['203.0.113.1', 'none'], ['127.0.0.1', '203.0.113.7']),
      routerAs: mostly(['64900'], ['23456']),
      routerImport: mostly(['none', '198.51.100.0/24'], ['x']),
      routerExport: mostly(['none', '203.0.113.0/24'], ['x']),
      authorities: mostly(['a', 'fra', 'x-1'], ['c', '']),
      metrics: mostly(['127.0.0.1:9633', 'none'], ['9633']),
    }
    assert.deepEqual(Object.keys(odd).sort(), QUESTIONS.map(({id}) => id).sort(), 'every question')
    const site = fc.record({
      name: mostly(['b', 'c', 'd', 'none'], ['B']),
      owns: mostly(['10.22.0.0/16', '10.20.0.0/24, 10.21.0.0/24', 'fd00:2::/48'], ['none', '100.64.0.0/24']),
      endpoints: mostly(['https://198.51.100.2:2379', 'http://198.51.100.2:2379'], ['b']),
      encapsulation: mostly(['ipip', 'fou', 'wireguard', 'none', 'auto'], ['vxlan']),
      bfd: mostly(['private', 'internet'], ['?']),
    })
    // What is answered only where something else was, most often is not.
    const optional = ['lanDevice', 'lanTwin', 'routerAs', 'routerImport', 'routerExport']
    const answered = fc
      .record(odd, {requiredKeys: ['site', 'owns', 'routerAs', 'lanTwin']})
      .map((answers): Record<string, string> => {
        const left = (id: string): boolean =>
          optional.includes(id) && (answers[id.startsWith('lan') ? 'twin' : 'router'] ?? 'none') === 'none'
        const kept = Object.entries(answers).flatMap(([id, answer]) =>
          answer === undefined || left(id) || (id === 'lanTwin' && answers.lanDevice === 'none')
            ? []
            : [[id, answer] as const],
        )
        return Object.fromEntries(kept)
      })
    let taken = 0
    fc.assert(
      fc.property(answered, fc.array(site, {maxLength: 2}), (answers, sites) => {
        const settled = settle({answers, sites}, MACHINE)
        const faults = [...settled.faults, ...judge(settled.setup, MACHINE)]
        if (faults.some(({severity}) => severity === 'error')) return
        taken++
        const text = gatewayFileOf(settled.setup, MACHINE)
        const {config, findings} = parseGatewayConfig(text, 'gateway.yaml')
        assert.ok(config, `${JSON.stringify(findings)}\n${text}`)
        const said = settled.setup.answers
        const words = (id: string): string[] => said[id]!.split(/[\s,]+/).filter((one) => one !== 'none')
        assert.deepEqual(
          [config.site, config.gateway, String(config.as), config.default, config.owns, config.authorities],
          [said.site, said.gateway, said.as, said.default, words('owns'), words('authorities')],
        )
        assert.deepEqual(config.infrastructure, words('infrastructure'))
        assert.equal(config.twin, said.twin === 'none' ? null : said.twin)
        assert.equal(config.lan?.twin ?? null, config.twin !== null && said.lanDevice !== 'none' ? said.lanTwin : null)
        assert.equal(config.uplinks[0]!.public ?? 'none', said.public)
        assert.deepEqual(
          config.peers.map((peer) => `${peer.address} ${peer.as}`),
          said.router === 'none' ? [] : [`${said.router} ${said.routerAs}`],
        )
        assert.equal(String(config.nodes?.localAs ?? 'none'), said.nodes)
        assert.equal(config.metrics ? `${config.metrics.address}:${config.metrics.port}` : 'none', said.metrics)
        const named = sites.filter((one) => one.name !== 'none')
        assert.deepEqual(
          [...config.sites.values(), ...config.unconnected].map((one) => ('name' in one ? one.name : one.site)).sort(),
          named.map((one) => one.name).sort(),
        )
        for (const one of named) {
          const has = config.sites.get(one.name as never)
          if (has)
            assert.deepEqual(
              [has.encapsulation, has.bfd, has.owns],
              [one.encapsulation, one.bfd, one.owns.split(/[\s,]+/)],
            )
        }
      }),
      {numRuns: Number(process.env.RUNS ?? 100)},
    )
    assert.ok(taken > 10, `${taken} were taken`)
  })
})
