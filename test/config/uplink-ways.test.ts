import assert from 'node:assert/strict'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'

const withUplinks = (...uplinks: readonly string[]) => {
  const lines = uplinks.map((more, index) => {
    const inner = `[100.64.0.${2 * index}, 100.64.0.${2 * index + 1}]`
    return `  - {name: wan${index}, address: 192.0.2.${index + 1}, inner: ${inner}${more}}\n`
  })
  const text = gatewayYaml(['http://192.0.2.9:2379']).replace(/^uplinks:.*\n( .*\n)*/m, `uplinks:\n${lines.join('')}`)
  return parseGatewayConfig(text, 'gateway.yaml')
}

describe('uplinks with a router of their own', () => {
  it('have a table each, in the order of the file unless they name one', () => {
    const {config, findings} = withUplinks(
      ', device: eth0, gateway: 192.0.2.254',
      '',
      ', device: eth2, gateway: 192.0.2.253',
      ', device: eth3, gateway: 192.0.2.252, table: 300',
    )
    assert.deepEqual(findings, [])
    assert.deepEqual(
      config?.uplinks.map(({way}) => way),
      [
        {gateway: '192.0.2.254', device: 'eth0', table: 1790},
        undefined,
        {gateway: '192.0.2.253', device: 'eth2', table: 1792},
        {gateway: '192.0.2.252', device: 'eth3', table: 300},
      ],
    )
  })

  const refused: readonly [name: string, uplinks: readonly string[], field: string, words: RegExp][] = [
    ['no device', [', gateway: 192.0.2.254'], 'uplinks[0].gateway', /uplink wan0 names no device/],
    ['another family', [", device: eth0, gateway: '2001:db8::1'"], 'uplinks[0].gateway', /are of two families/],
    [
      'itself',
      [', device: eth0, gateway: 192.0.2.1'],
      'uplinks[0].gateway',
      /192\.0\.2\.1 is this gateway's own address/,
    ],
    [
      'a table of the kernel’s',
      [', device: eth0, gateway: 192.0.2.254, table: 254'],
      'uplinks[0].table',
      /254 is the kernel's table main/,
    ],
    [
      'a table of our own',
      [', device: eth0, gateway: 192.0.2.254, table: 1788'],
      'uplinks[0].table',
      /1788 is the table of isthmus watch-lan/,
    ],
    [
      'one table for two',
      [', device: eth0, gateway: 192.0.2.254, table: 1791', ', device: eth1, gateway: 192.0.2.253'],
      'uplinks[1].table',
      /1791 is the table of uplink wan0/,
    ],
    ['a table and no router', [', table: 300'], 'uplinks[0].table', /uplink wan0 has no gateway/],
  ]
  for (const [name, uplinks, field, words] of refused) {
    it(`${name}: refused`, () => {
      const {config, findings} = withUplinks(...uplinks)
      assert.equal(config, null)
      assert.deepEqual(
        findings.map(({code, where}) => [code, where.field]),
        [['config-conflict', field]],
      )
      assert.match(findings[0]!.detail, words)
      assert.equal(findings[0]!.where.line !== undefined, true)
    })
  }
})
