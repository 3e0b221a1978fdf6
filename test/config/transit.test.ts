import assert from 'node:assert/strict'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {formatFinding} from '../../src/model/index.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'

const OTHERS = 'endpoints: ["http://198.51.100.2:2379"], insecure: true'
const site = (number: number, more = ''): string => `{owns: [10.${number}.0.0/16], ${OTHERS}${more && `, ${more}`}}`

const parse = (sites: Record<string, string>, transit?: string) =>
  parseGatewayConfig(
    gatewayYaml(['http://192.0.2.1:2379'], {
      sites: `{${Object.entries(sites)
        .map(([name, text]) => `${name}: ${text}`)
        .join(', ')}}${transit ? `\ntransit: ${transit}` : ''}`,
    }),
    'gateway.yaml',
  )

describe('hubs in gateway.yaml', () => {
  it('a hub names whom it is one for, another gateway what it reaches through which', () => {
    const {config, findings} = parse(
      {
        b: site(2, 'encapsulation: wireguard'),
        h: site(3, 'encapsulation: auto, encrypted: true'),
        c: site(4, 'via: [h, b], encrypted: true'),
      },
      '[b, c]',
    )
    assert.deepEqual(findings.filter(({severity}) => severity === 'error').map(formatFinding), [])
    assert.deepEqual(config?.transit, ['b', 'c'])
    const c = config.sites.get('c' as never)
    assert.deepEqual([c?.via, c?.encrypted], [['h', 'b'], true])
    assert.deepEqual(config.sites.get('b' as never)?.via, [])
  })

  const wrong: {name: string; sites: Record<string, string>; transit?: string; at: string; says: RegExp}[] = [
    {
      name: 'transit of a site that is not there',
      sites: {b: site(2)},
      transit: '[b, x]',
      at: 'transit[1]',
      says: /no site x; known: b/,
    },
    {name: 'transit twice', sites: {b: site(2)}, transit: '[b, b]', at: 'transit[1]', says: /named twice/},
    {
      name: 'transit of a site without tunnel',
      sites: {b: site(2, 'encapsulation: none')},
      transit: '[b]',
      at: 'transit[0]',
      says: /has no tunnel/,
    },
    {
      name: 'transit of a site that is translated',
      sites: {b: site(2, 'translate: [{prefix: 10.2.0.0/16, as: 10.99.0.0/16}]')},
      ...{transit: '[b]', at: 'transit[0]', says: /is translated here/},
    },
    {name: 'behind nobody', sites: {b: site(2, 'via: [x]')}, at: 'sites.b.via[0]', says: /no site x/},
    {name: 'behind itself', sites: {b: site(2, 'via: [b]')}, at: 'sites.b.via[0]', says: /not behind itself/},
    {name: 'behind one hub twice', sites: {b: site(2, 'via: [h, h]'), h: site(3)}, at: 'sites.b.via[1]', says: /twice/},
    {name: 'an empty list of hubs', sites: {b: site(2, 'via: []')}, at: 'sites.b.via', says: /./},
    {
      name: 'behind one that is behind another',
      sites: {b: site(2, 'via: [h]'), h: site(3, 'via: [g]'), g: site(4)},
      at: 'sites.b.via[0]',
      says: /behind a hub itself; name that: g/,
    },
    {
      name: 'behind one without tunnel',
      sites: {b: site(2, 'via: [h]'), h: site(3, 'encapsulation: none')},
      at: 'sites.b.via[0]',
      says: /no tunnel to h/,
    },
    {
      name: 'a tunnel beside a hub',
      sites: {b: site(2, 'via: [h], encapsulation: wireguard'), h: site(3)},
      at: 'sites.b.encapsulation',
      says: /could be wireguard; `encrypted: true`/,
    },
    {
      name: 'translated behind a hub',
      sites: {b: site(2, 'via: [h], translate: [{prefix: 10.2.0.0/16, as: 10.99.0.0/16}]'), h: site(3)},
      ...{at: 'sites.b.translate', says: /behind h/},
    },
    {
      name: 'encrypted by a tunnel that is not',
      sites: {b: site(2, 'encrypted: true')},
      at: 'sites.b.encrypted',
      says: /does not encrypt \(ipip\); sites.b.encapsulation: wireguard/,
    },
    {
      name: 'encrypted by a hub whose tunnel is not',
      sites: {b: site(2, 'via: [h], encrypted: true'), h: site(3)},
      at: 'sites.b.encrypted',
      says: /tunnel to h that does not encrypt/,
    },
  ]
  for (const {name, sites, transit, at, says} of wrong) {
    it(`refused: ${name}`, () => {
      const {config, findings} = parse(sites, transit)
      assert.equal(config, null)
      const texts = findings.map(formatFinding)
      assert.ok(
        findings.some((finding, index) => finding.where.field === at && says.test(texts[index]!)),
        texts.join('\n'),
      )
    })
  }
})
