import assert from 'node:assert/strict'
import {decodeRecord} from '../../src/decode/index.ts'
import {rawRecord} from '../support/records.ts'

const EXPORT = '/isthmus/v1/export/'
const decode = (key: string, value: string | object) => decodeRecord(rawRecord(EXPORT + key, value), 'export b')

function entry(key: string, value: object) {
  const decoded = decode(key, value)
  assert.ok(decoded.type === 'export', JSON.stringify(decoded.findings))
  return decoded.entry
}

describe('decodeRecord on an export', () => {
  it('meta', () => {
    const meta = entry('meta', {schema: 1, site: 'b', generation: 7})
    assert.deepEqual(meta, {kind: 'meta', schema: 1, site: 'b', generation: 7, local: null})
    const said = entry('meta', {schema: 1, site: 'b', generation: 7, local: ['main', 'Not A Name']})
    assert.deepEqual(said.kind === 'meta' && said.local, ['main'])
  })

  it('site: a wrong prefix is skipped, the rest stands', () => {
    const decoded = decode('site', {as: 4200000002, prefixes: ['10.2.0.0/16', '10.3.0.1/16'], infrastructure: []})
    assert.ok(decoded.type === 'export')
    assert.deepEqual(decoded.entry, {kind: 'site', as: 4200000002, prefixes: ['10.2.0.0/16'], infrastructure: []})
    assert.equal(decoded.findings[0]?.where.field, 'prefixes[1]')
  })

  it('gateway with its uplinks and offers', () => {
    const publicKey = 'jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY='
    const got = entry('gateways/b1', {
      uplinks: [{name: 'wan', address: '192.0.2.2', inner: ['100.64.0.2', '100.64.0.3', 'FD64::2', 'fd64::3']}],
      tunnels: {
        'a/a1/wan': [
          {slot: 0, uplink: 'wan', encapsulation: 'wireguard', publicKey, port: 51820, port6: null},
          {
            ...{slot: 1, uplink: 'wan', encapsulation: 'ipip', serial: 7, leaving: true},
            ...{also: 'fou', next: 'gre', auto: {ipip: true, encrypted: 1}},
          },
        ],
      },
    })
    assert.deepEqual(got, {
      kind: 'gateway',
      gateway: {
        name: 'b1',
        uplinks: [
          {
            name: 'wan',
            address: '192.0.2.2',
            public: null,
            inner: {4: ['100.64.0.2', '100.64.0.3'], 6: ['fd64::2', 'fd64::3']},
          },
        ],
        tunnels: new Map([
          [
            'a/a1/wan',
            [
              {slot: 0, uplink: 'wan', encapsulation: 'wireguard', publicKey, port: 51820, port6: null},
              {
                ...{slot: 1, uplink: 'wan', encapsulation: 'ipip', publicKey: null, port: null, port6: null},
                serial: 7,
                leaving: true,
                also: 'fou',
                auto: {ipip: true, encrypted: false},
              },
            ],
          ],
        ]),
      },
    })
  })

  it('an offer of an encapsulation from the future is skipped with a warning', () => {
    const decoded = decode('gateways/b1', {
      tunnels: {
        'a/a1/wan': [
          {slot: 0, uplink: 'wan', encapsulation: 'geneve'},
          {slot: 1, uplink: 'wan', encapsulation: 'ipip'},
        ],
      },
    })
    assert.ok(decoded.type === 'export' && decoded.entry.kind === 'gateway')
    assert.deepEqual(
      decoded.entry.gateway.tunnels.get('a/a1/wan')?.map((offer) => offer.slot),
      [1],
    )
    assert.equal(decoded.findings[0]?.severity, 'warning')
  })

  it('attribute set', () => {
    const got = entry('attributes/0a1b', {
      kind: 'pod',
      labels: {app: 'web', __proto__x: 'y'},
      namespace: 'shop',
      serviceAccount: null,
      ports: [['http', 'tcp', 8080]],
    })
    assert.deepEqual(got, {
      kind: 'attributes',
      id: '0a1b',
      set: {
        kind: 'pod',
        labels: {app: 'web', __proto__x: 'y'},
        namespace: 'shop',
        serviceAccount: null,
        ports: [{name: 'http', protocol: 'tcp', port: 8080}],
      },
    })
  })

  const places: [string, string][] = [
    ['10.2.0.5', '10.2.0.5/32'],
    ['10.2.0.0-24', '10.2.0.0/24'],
    ['fd00:2::5', 'fd00:2::5/128'],
    ['fd00:2::-64', 'fd00:2::/64'],
  ]
  for (const [text, prefix] of places) {
    it(`membership of ${text}`, () => {
      const got = entry(`endpoints/main/${text}/0a1b`, {n: ['default/web-1']})
      const names = ['default/web-1']
      assert.deepEqual(got, {kind: 'endpoint', datastore: 'main', prefix, attributes: '0a1b', names})
    })
  }

  it('a global document, through the decoders of the trees', () => {
    const got = entry('resources/globalnetworkpolicies/p', {metadata: {name: 'p'}, spec: {order: 1}})
    assert.ok(got.kind === 'resource' && got.resource.kind === 'GlobalNetworkPolicy')
    assert.deepEqual([got.path, got.resource.order], ['globalnetworkpolicies/p', 1])
  })

  it('a local policy, read only', () => {
    const got = entry('local/main/networkpolicies/shop/p', {spec: {}})
    assert.ok(got.kind === 'local' && got.resource.kind === 'NetworkPolicy')
    assert.equal(got.datastore, 'main')
  })

  const refused: [string, string, string | object][] = [
    ['endpoint without id', 'endpoints/main/10.2.0.5', {}],
    ['endpoint at no address', 'endpoints/main/nowhere/0a1b', {}],
    ['endpoint with a wild id', 'endpoints/main/10.2.0.5/a b', {}],
    ['gateway of no name', 'gateways/B_1', {}],
    ['namespaced policy as global', 'resources/networkpolicies/shop/p', {}],
    ['attributes without kind', 'attributes/0a1b', {}],
    ['attributes with a port that is none', 'attributes/0a1b', {kind: 'pod', ports: [['x', 'tcp', 0]]}],
    ['key that is no WireGuard key', 'gateways/b1', {tunnels: {'a/a1/wan': [{publicKey: 'x'}]}}],
    ['site without a number', 'site', {prefixes: []}],
  ]
  for (const [name, key, value] of refused) {
    it(`${name}: refused`, () => {
      const decoded = decode(key, value)
      assert.equal(decoded.type, 'bad')
      assert.ok(decoded.findings.length > 0)
    })
  }

  describe('of another version: what is known counts, what is not is left out', () => {
    const publicKey = 'jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY='
    const uplink = {name: 'wan', address: '192.0.2.2', inner: []}
    const ipip = {slot: 1, uplink: 'wan', encapsulation: 'ipip'}
    const gateway = (...offers: object[]) => ({uplinks: [uplink], tunnels: {'a/a1/wan': offers}})

    /** Two records that count as the same; `warns` are the fields of what is said about the second. */
    const same: {name: string; key: string; known: object; newer: object; warns?: string[]}[] = [
      {
        name: 'fields of meta',
        key: 'meta',
        known: {schema: 1, site: 'b', generation: 7, local: ['main']},
        newer: {schema: 1, site: 'b', generation: 7, local: ['main'], novelty: {deep: [1]}},
      },
      {
        name: 'fields of a site',
        key: 'site',
        known: {as: 4200000002, prefixes: ['10.2.0.0/16'], infrastructure: []},
        newer: {
          as: 4200000002,
          prefixes: ['10.2.0.0/16'],
          infrastructure: [],
          translated: {'10.2.0.0/16': '10.9.0.0/16'},
        },
      },
      {
        name: 'fields of a gateway, an uplink and an offer',
        key: 'gateways/b1',
        known: gateway(ipip),
        newer: {...gateway({...ipip, mtu: 1400}), uplinks: [{...uplink, weight: 3}], version: '9.9'},
      },
      {
        name: 'an encapsulation, with fields that would be wrong of a known one',
        key: 'gateways/b1',
        known: gateway(ipip),
        newer: gateway({slot: 'both', uplink: 7, encapsulation: 'geneve', publicKey: 'x', port: 'any'}, ipip),
        warns: ['tunnels.a/a1/wan[0].encapsulation'],
      },
      {
        name: 'a slot',
        key: 'gateways/b1',
        known: gateway(ipip),
        newer: gateway({slot: 2, uplink: 'wan', encapsulation: 'wireguard', publicKey}, ipip),
        warns: ['tunnels.a/a1/wan[0].slot'],
      },
      {
        name: 'ends of tunnels that are named in another way',
        key: 'gateways/b1',
        known: gateway(ipip),
        newer: {uplinks: [uplink], tunnels: {'a/a1/wan': [ipip], 'a/a1/wan/2': [{}]}},
        warns: ['tunnels.a/a1/wan/2'],
      },
      {
        name: 'fields of an attribute set, and of a port',
        key: 'attributes/x',
        known: {kind: 'pod', labels: {app: 'web'}, ports: [['http', 'tcp', 80]]},
        newer: {kind: 'pod', labels: {app: 'web'}, ports: [['http', 'tcp', 80, 'h2']], zone: 'z'},
      },
      {
        name: 'the protocol of a port',
        key: 'attributes/x',
        known: {kind: 'pod', ports: [['http', 'tcp', 80]]},
        newer: {
          kind: 'pod',
          ports: [
            ['call', 'dccp', 5060],
            ['http', 'tcp', 80],
          ],
        },
        warns: ['ports[0]'],
      },
      {
        name: 'fields of a membership',
        key: 'endpoints/main/10.2.0.5/x',
        known: {n: ['default/web-1']},
        newer: {n: ['default/web-1'], since: 5},
      },
    ]
    for (const {name, key, known, newer, warns = []} of same) {
      it(name, () => {
        const got = decode(key, newer)
        assert.ok(got.type === 'export', JSON.stringify(got.findings))
        assert.deepEqual(got.entry, entry(key, known))
        assert.deepEqual(
          got.findings.map(({severity, where}) => [severity, where.field]),
          warns.map((field) => ['warning', field]),
        )
      })
    }

    for (const schema of [0, 2, 17]) {
      it(`schema ${schema} is said, and read as far as it is known`, () => {
        const got = decode('meta', {schema, site: 'b', generation: 7, novelty: 1})
        assert.ok(got.type === 'export')
        assert.deepEqual(got.entry, {kind: 'meta', schema, site: 'b', generation: 7, local: null})
        assert.deepEqual(
          got.findings.map(({code, severity}) => [code, severity]),
          [['schema-unknown', 'warning']],
        )
      })
    }

    const ignored: [name: string, key: string, value: string | object, warns: number][] = [
      ['a key', 'novelties/x', 'anything', 0],
      ['a key below the one of the site', 'site/uplinks', {as: 7, prefixes: []}, 0],
      ['a key below that of meta', 'meta/b1', {schema: 1, site: 'b', generation: 7}, 0],
      ['a key without a name', 'novelty', {}, 0],
      ['a global document of another kind', 'resources/globalthreatfeeds/x', {spec: {}}, 0],
      ['a document of another kind that is no JSON', 'resources/globalthreatfeeds/x', '{', 0],
      ['a document of the site’s own of another kind', 'local/main/threats/shop/x', {spec: {}}, 0],
      ['an attribute set of another kind', 'attributes/x', {kind: 'vm', labels: {app: 'web'}}, 1],
    ]
    for (const [name, key, value, warns] of ignored) {
      it(`${name}: ignored`, () => {
        const got = decode(key, value)
        assert.deepEqual(
          [got.type, got.findings.map(({severity}) => severity)],
          ['ignored', Array(warns).fill('warning')],
        )
      })
    }

    it('without the fields that older versions do not write', () => {
      assert.deepEqual(entry('meta', {schema: 1, site: 'b'}), {
        ...{kind: 'meta', schema: 1, site: 'b', generation: 0, local: null},
      })
      assert.deepEqual(entry('endpoints/main/10.2.0.5/x', {}), {
        ...{kind: 'endpoint', datastore: 'main', prefix: '10.2.0.5/32', attributes: 'x', names: []},
      })
    })
  })
})
