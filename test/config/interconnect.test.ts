import assert from 'node:assert/strict'
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import {stringify} from 'yaml'
import {gatewayFile, type Interconnect, parseGatewayConfig, parseInterconnect} from '../../src/config/index.ts'
import {arbitraryInterconnect} from '../support/arbitrary-interconnect.ts'

const EXAMPLES = path.resolve(import.meta.dirname, '../../terraform/examples')

const GOOD = `version: 1
inner: [100.64.0.0/24, "fd64::/64"]
default: deny
authorities: [a]
sites:
  a:
    number: 1
    fabric: onprem
    as: 4200000001
    owns: [10.1.0.0/16]
    datastore: {endpoints: ["https://192.0.2.10:2379"]}
    gateways:
      a1: {number: 0, address: 192.0.2.1}
      a2: {number: 1, address: 192.0.2.2}
  b:
    number: 3
    fabric: gcp
    as: 4200000002
    owns: [10.2.0.0/16]
    datastore: {endpoints: ["https://10.2.0.10:2379"]}
    gateways:
      b1: {number: 7, address: 10.2.0.1, public: 198.51.100.1}
`

const gatewaysOf = (interconnect: Interconnect): [site: string, gateway: string][] =>
  Object.entries(interconnect.sites).flatMap(([site, {gateways}]) =>
    Object.keys(gateways).map((name): [string, string] => [site, name]),
  )

describe('interconnect.yaml', () => {
  it('is read, and each gateway gets a gateway.yaml that the daemon takes', () => {
    const {interconnect, findings} = parseInterconnect(GOOD, 'x')
    assert.deepEqual(findings, [])
    const yaml = stringify(gatewayFile(interconnect!, 'a', 'a2'))
    const {config} = parseGatewayConfig(yaml, 'a2')
    assert.equal(config!.twin, 'a1')
    assert.deepEqual(config!.uplinks[0]!.inner, {4: ['100.64.0.18', '100.64.0.19'], 6: ['fd64::12', 'fd64::13']})
    const b = [...config!.sites.values()][0]!
    assert.equal(b.encapsulation, 'wireguard')
    assert.deepEqual(b.endpoints, ['https://198.51.100.1:2379'])
    assert.equal(gatewayFile(interconnect!, 'a', 'a3'), null)
    assert.equal(gatewayFile(interconnect!, 'c', 'a1'), null)
  })

  it('inner addresses are those of the numbers, whoever else is there', () => {
    const {interconnect} = parseInterconnect(GOOD, 'x')
    const others = Object.fromEntries(Object.entries(interconnect!.sites).filter(([name]) => name !== 'a'))
    const inner = (sites: Interconnect['sites']): unknown => gatewayFile({...interconnect!, sites}, 'b', 'b1')!.uplinks
    assert.deepEqual(inner(others), inner(interconnect!.sites))
  })

  it('whatever sites there are, all files are taken and no inner address is given twice', () => {
    fc.assert(
      fc.property(arbitraryInterconnect(), (description) => {
        const {interconnect, findings} = parseInterconnect(stringify(description), 'x')
        assert.deepEqual(findings, [])
        const configs = gatewaysOf(interconnect!).map(([site, name]) => {
          const read = parseGatewayConfig(stringify(gatewayFile(interconnect!, site, name)), name)
          assert.deepEqual(read.findings, [], `${site}/${name}`)
          return read.config!
        })
        const inner = configs.flatMap(({uplinks}) =>
          uplinks.flatMap((uplink) => [...uplink.inner[4], ...uplink.inner[6]]),
        )
        assert.equal(new Set(inner).size, inner.length)
        // What one grants another is what that one owns, both ways.
        for (const one of configs) {
          for (const other of configs.filter(({site}) => site !== one.site)) {
            assert.deepEqual(one.sites.get(other.site)!.owns, other.owns)
            assert.equal(one.sites.get(other.site)!.encapsulation, other.sites.get(one.site)!.encapsulation)
          }
        }
      }),
      {numRuns: 50},
    )
  })

  for (const example of readdirSync(EXAMPLES)) {
    it(`of the example ${example} is good, and so are the files that follow from it`, () => {
      const {interconnect, findings} = parseInterconnect(
        readFileSync(path.join(EXAMPLES, example, 'interconnect.yaml'), 'utf8'),
        example,
      )
      assert.deepEqual(findings, [])
      for (const [site, name] of gatewaysOf(interconnect!)) {
        assert.deepEqual(parseGatewayConfig(stringify(gatewayFile(interconnect!, site, name)), name).findings, [])
      }
    })
  }

  const BAD: readonly {readonly name: string; readonly from: string; readonly to: string; readonly found: RegExp}[] = [
    {name: 'an unknown key', from: 'default: deny', to: 'defaults: deny', found: /3 defaults: unknown key|3.*missing/},
    {name: 'a number twice', from: 'number: 3', to: 'number: 1', found: /16 sites\.b\.number: 1 is a's number/},
    {
      name: "a gateway's number twice",
      from: 'a2: {number: 1',
      to: 'a2: {number: 0',
      found: /14 sites\.a\.gateways\.a2\.number: 0 is a1's/,
    },
    {
      name: 'a number behind the end',
      from: 'number: 3',
      to: 'number: 16',
      found: /sites\.b\.number: site 16 .* behind the end.*below 16/,
    },
    {
      name: 'one prefix of two',
      from: '10.2.0.0/16',
      to: '10.1.128.0/17',
      found: /sites\.b\.owns\[0\]: b's 10\.1\.128\.0\/17 overlaps a's/,
    },
    {
      name: 'a prefix in the pool',
      from: '10.2.0.0/16',
      to: '100.64.0.0/25',
      found: /overlaps inner's 100\.64\.0\.0\/24/,
    },
    {name: 'two IPv4 pools', from: '"fd64::/64"', to: '100.65.0.0/24', found: /2 inner: two pools of one family/},
    {
      name: 'one address of two',
      from: 'address: 192.0.2.2',
      to: 'address: 192.0.2.1',
      found: /192\.0\.2\.1 is a\/a1's address/,
    },
    {name: 'families mixed', from: 'public: 198.51.100.1', to: 'public: "2001:db8::1"', found: /another family/},
    {
      name: 'an authority that is not there',
      from: 'authorities: [a]',
      to: 'authorities: [c]',
      found: /4 authorities\[0\]: no site c.*known: a, b/,
    },
    {
      name: 'ipip to Google from outside',
      from: 'default: deny',
      to: 'default: deny\nencapsulation: ipip',
      found: /4 encapsulation: ipip between b and a: Google Cloud takes no IP protocol 4/,
    },
    {
      name: 'a fabric that nobody knows',
      from: 'fabric: gcp',
      to: 'fabric: gcloud',
      found: /fabric: must be one of "aws"/,
    },
    {
      name: 'a gateway too many',
      from: '      a2: {',
      to: '      a3: {number: 2, address: 192.0.2.3}\n      a2: {',
      found: /3 gateways; one, or a pair/,
    },
    {
      name: 'a derived key',
      from: '      b1: {number: 7,',
      to: '      b1: {number: 7, extra: {twin: x},',
      found: /extra\.twin: twin of gateway\.yaml follows/,
    },
    {name: 'no YAML', from: 'sites:', to: 'sites: [', found: /not YAML/},
  ]
  for (const {name, from, to, found} of BAD) {
    it(`${name} is said, with its place`, () => {
      assert.ok(GOOD.includes(from))
      const {interconnect, findings} = parseInterconnect(GOOD.replace(from, to), 'x')
      const said = findings.map(
        ({where, detail, remedy}) => `${where.line} ${where.field ?? ''}: ${detail}${remedy ? `; ${remedy}` : ''}`,
      )
      assert.equal(interconnect, null)
      assert.ok(
        said.some((line) => found.test(line)),
        said.join('\n'),
      )
    })
  }

  it('what the daemon would not take is said once, where it stands', () => {
    const said = (text: string): string[] =>
      parseInterconnect(text, 'x').findings.map(({where, severity, detail}) => `${where.field} ${severity}: ${detail}`)
    const ofSite = GOOD.replace(
      '    gateways:\n      a1',
      '    extra: {nodes: {sesion: ibgp, localAs: 64512}}\n    gateways:\n      a1',
    )
    assert.deepEqual(said(ofSite), [
      'sites.a.extra.nodes error: in gateway.yaml of a1, nodes.session: missing, and required',
      'sites.a.extra.nodes error: in gateway.yaml of a1, nodes.sesion: unknown key "sesion"',
    ])
    const ofGateway = GOOD.replace('b1: {', 'b1: {extra: {static: [{prefix: 10.9.0.0/16, via: 10.2.0.1}]}, ')
    assert.deepEqual(said(ofGateway), [
      'sites.b.gateways.b1.extra.static error: in gateway.yaml of b1, static[0].prefix: 10.9.0.0/16 is in none of owns: 10.2.0.0/16',
    ])
  })

  it('a pair is judged by the fabrics of both, and once', () => {
    const pairs = (text: string): string[] =>
      parseInterconnect(`${GOOD.replace('fabric: onprem', 'fabric: azure')}pairs:\n${text}`, 'x').findings.map(
        ({where, detail}) => `${where.field}: ${detail}`,
      )
    assert.match(
      pairs('  - {between: [b, a], encapsulation: ipip}').join('\n'),
      /pairs\[0\]: ipip between a and b: Azure drops/,
    )
    assert.deepEqual(pairs('  - {between: [b, a], encapsulation: fou}'), [])
    assert.match(pairs('  - {between: [a, a]}').join(), /pairs\[0\]\.between: a twice/)
    assert.match(pairs('  - {between: [a, c]}').join(), /pairs\[0\]\.between\[1\]: no site c/)
    assert.match(
      pairs('  - {between: [a, b]}\n  - {between: [b, a]}').join(),
      /pairs\[1\]\.between: b and a are a pair/,
    )
  })
})
