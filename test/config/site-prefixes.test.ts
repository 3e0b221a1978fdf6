import assert from 'node:assert/strict'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {formatFinding} from '../../src/model/index.ts'

const OTHERS = 'endpoints: [http://198.51.100.2:2379], insecure: true'

/** A gateway of site a, which owns 10.1.0.0/16, with these remote sites in this order. */
const parse = (sites: string, {authorities = '[a]'} = {}) =>
  parseGatewayConfig(
    `version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks:
  - {name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}
owns: [10.1.0.0/16, "fd00:1::/48"]
infrastructure: [192.168.10.0/24]
datastores:
  - {name: main, kind: calico, endpoints: [http://10.1.0.2:2379], insecure: true, export: {}}
sites:
${sites.replaceAll('…', OTHERS)}
authorities: ${authorities}
peers:
  - {name: r1, address: 192.0.2.254, as: 64900}
`,
    'gateway.yaml',
  )

describe('sites whose prefixes overlap', () => {
  const cases = [
    {
      name: 'a remote inside an own prefix is the later one',
      sites: '  b: {owns: [10.1.128.0/17], …}\n  c: {owns: [10.3.0.0/16], …}',
      connected: ['c'],
      out: [['b', '10.1.128.0/17', 'a', '10.1.0.0/16']],
      field: 'sites.b.owns[0]',
    },
    {
      name: 'of two remotes the one that stands later, by its second prefix',
      sites: '  b: {owns: [10.2.0.0/16], …}\n  c: {owns: [10.3.0.0/16, 10.2.128.0/17], …}',
      connected: ['b'],
      out: [['c', '10.2.128.0/17', 'b', '10.2.0.0/16']],
      field: 'sites.c.owns[1]',
    },
    {
      name: 'the order is that of the file, also of names that are numbers',
      sites: '  b: {owns: [10.2.0.0/16], …}\n  7: {owns: [10.2.0.0/16], …}',
      connected: ['b'],
      out: [['7', '10.2.0.0/16', 'b', '10.2.0.0/16']],
      field: 'sites.7.owns[0]',
    },
    {
      name: 'what is not connected is in nobody’s way',
      sites: '  b: {owns: [10.2.0.0/16], …}\n  c: {owns: [10.2.0.0/16, 10.3.0.0/16], …}\n  d: {owns: [10.3.0.0/16], …}',
      connected: ['b', 'd'],
      out: [['c', '10.2.0.0/16', 'b', '10.2.0.0/16']],
      field: 'sites.c.owns[0]',
    },
    {
      name: 'a translated one overlaps nothing',
      sites: '  b: {owns: [10.1.0.0/16], translate: [{prefix: 10.1.0.0/16, as: 10.201.0.0/16}], …}',
      connected: ['b'],
      out: [],
      field: null,
    },
  ]
  for (const {name, sites, connected, out, field} of cases) {
    it(`${name}; all others are connected`, () => {
      const {config, findings} = parse(sites)
      assert.ok(config, findings.map(formatFinding).join('\n'))
      assert.deepEqual([...config.sites.keys()].sort(), connected)
      assert.deepEqual(
        config.unconnected.map(({site, prefix, earlier}) => [site, prefix, earlier.site, earlier.prefix]),
        out,
      )
      assert.deepEqual(
        findings.map((finding) => [finding.code, finding.severity, finding.where.field]),
        out.map(() => ['prefix-conflict', 'warning', field]),
      )
      for (const [index, [later, prefix, earlier, other]] of out.entries()) {
        assert.equal(
          findings[index]!.detail,
          `site ${later}'s ${prefix} overlaps site ${earlier}'s ${other}, which stands before it: ${later} is not connected`,
        )
        assert.match(findings[index]!.remedy!, new RegExp(`sites\\.${later}\\.translate`))
      }
    })
  }

  it('an authority is never left out: the configuration is refused, since without its policies less is denied', () => {
    const {config, findings} = parse('  b: {owns: [10.1.0.0/16], …}', {authorities: '[a, b]'})
    assert.equal(config, null)
    assert.deepEqual(
      findings.map(({code, severity}) => [code, severity]),
      [['config-conflict', 'error']],
    )
    assert.match(findings[0]!.detail, /site b's 10\.1\.0\.0\/16 overlaps site a's 10\.1\.0\.0\/16.*authority/)
  })

  for (const [name, sites, field] of [
    ['one site twice over', '  b: {owns: [10.2.0.0/16, 10.2.1.0/24], …}', 'sites.b.owns[1]'],
    ['the inner addresses', '  b: {owns: [100.64.1.0/24], …}', 'sites.b.owns[0]'],
  ] as const) {
    it(`${name}: refused whole`, () => {
      const {config, findings} = parse(sites)
      assert.equal(config, null)
      assert.deepEqual([findings[0]!.code, findings[0]!.where.field], ['config-conflict', field])
    })
  }
})

describe('translations', () => {
  it('give the prefixes by which the site is known here, of both families', () => {
    const {config, findings} = parse(`  b:
    owns: [10.1.0.0/16, "fd00:1::/48", 10.2.0.0/16]
    translate: [{prefix: "fd00:1::/48", as: "fd00:201::/48"}, {prefix: 10.1.0.0/16, as: 10.201.0.0/16}]
    endpoints: [http://198.51.100.2:2379]
    insecure: true`)
    assert.deepEqual(findings, [])
    const b = [...config!.sites.values()][0]!
    assert.deepEqual(b.owns, ['10.201.0.0/16', 'fd00:201::/48', '10.2.0.0/16'])
    assert.deepEqual(b.translations, [
      {real: 'fd00:1::/48', seen: 'fd00:201::/48'},
      {real: '10.1.0.0/16', seen: '10.201.0.0/16'},
    ])
  })

  const one = (prefix: string, as: string, more = ''): string =>
    `  b: {owns: [10.1.0.0/16, 10.2.0.0/16], translate: [{prefix: ${prefix}, as: ${as}}], ${more}…}\n  c: {owns: [10.3.0.0/16], …}`
  const cases = [
    [
      'another length',
      one('10.1.0.0/16', '10.201.0.0/17'),
      'as',
      /10\.201\.0\.0\/17 is not as long as 10\.1\.0\.0\/16/,
    ],
    ['another family', one('10.1.0.0/16', '"fd00::/16"'), 'as', /not as long/],
    ['a prefix not granted', one('10.9.0.0/16', '10.201.0.0/16'), 'prefix', /none of sites\.b\.owns: 10\.1\.0\.0\/16/],
    ['a part of one', one('10.1.0.0/17', '10.201.0.0/17'), 'prefix', /none of sites\.b\.owns/],
    ['onto an own prefix', one('10.1.0.0/16', '10.1.0.0/16'), 'as', /overlaps this site's 10\.1\.0\.0\/16/],
    ['onto another site', one('10.1.0.0/16', '10.3.0.0/16'), 'as', /overlaps site c's 10\.3\.0\.0\/16/],
    ["onto another of the site's own", one('10.1.0.0/16', '10.2.0.0/16'), 'as', /overlaps site b's 10\.2\.0\.0\/16/],
    ['onto inner addresses', one('10.1.0.0/16', '100.64.0.0/16'), null, /overlaps interconnect's/],
    ['onto the nodes', one('10.1.0.0/16', '192.168.0.0/16'), 'as', /overlaps infrastructure 192\.168\.10\.0\/24/],
    ['onto an uplink', one('10.1.0.0/16', '192.0.0.0/16'), 'as', /overlaps uplink wan 192\.0\.2\.1/],
    ['without a tunnel', one('10.1.0.0/16', '10.201.0.0/16', 'encapsulation: none, '), '', /has no tunnel/],
  ] as const
  for (const [name, sites, field, detail] of cases) {
    it(`${name}: refused with its place`, () => {
      const {config, findings} = parse(sites)
      assert.equal(config, null)
      const at = field === null ? 'sites.b.owns[0]' : `sites.b.translate[0]${field && `.${field}`}`
      const found = findings.find(({where}) => where.field === at)
      assert.ok(found, findings.map(formatFinding).join('\n'))
      assert.match(found.detail, detail)
    })
  }

  it('of inner addresses are refused: what gateways say to each other must stay as it is', () => {
    const {config, findings} = parse(
      '  b: {owns: [100.64.0.0/16], translate: [{prefix: 100.64.0.0/16, as: 10.201.0.0/16}], …}',
    )
    assert.equal(config, null)
    assert.match(findings[0]!.detail, /gateways' own packets/)
  })
})
