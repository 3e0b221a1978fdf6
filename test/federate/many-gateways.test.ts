import assert from 'node:assert/strict'
import {decodeRecord} from '../../src/decode/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, listOf, site} from '../support/sites.ts'

const uplink = (number: number): object => ({
  name: `u${number}`,
  address: `192.0.2.${number}`,
  inner: [`100.64.${number}.0`, `100.64.${number}.1`],
})

/** Each uplink of each gateway is a device, a key and a session here; each prefix of infrastructure an element of rules. */
describe('a site that says more of itself than a site has', () => {
  it('has its first sixteen gateways, and that is said', () => {
    const federation = new Federation(configOf())
    const gateways = Array.from({length: 1000}, (_, number) => {
      const name = `b${String(number).padStart(3, '0')}`
      return rawRecord(`${EXPORT}gateways/${name}`, {uplinks: [{name: 'wan', address: '192.0.2.2', inner: []}]})
    })
    federation.update(listOf('export/b', gateways.toReversed()))
    const {sites, findings} = federation.world()
    const names = sites.get(site('b'))!.gateways.map(({name}) => name)
    assert.deepEqual([names.length, names[0], names.at(-1)], [16, 'b000', 'b015'])
    assert.deepEqual(
      findings.map(({code, detail}) => [code, detail]),
      [['document-too-large', 'site b has 1000 gateways; the first 16 by name count']],
    )
  })

  it('has no gateway with more than sixteen uplinks', () => {
    const gateway = (count: number) =>
      decodeRecord(
        rawRecord(`${EXPORT}gateways/b1`, {uplinks: Array.from({length: count}, (_, number) => uplink(number))}),
      )
    assert.equal(gateway(16).type, 'export')
    assert.deepEqual([gateway(17).type, gateway(17).findings[0]?.code], ['bad', 'document-too-large'])
  })

  it('has its first thousand prefixes of infrastructure', () => {
    const infrastructure = Array.from({length: 1001}, (_, number) => `172.16.${number >> 8}.${number & 255}/32`)
    const decoded = decodeRecord(rawRecord(`${EXPORT}site`, {as: 7, prefixes: [], infrastructure}))
    assert.ok(decoded.type === 'export' && decoded.entry.kind === 'site')
    assert.deepEqual(decoded.entry.infrastructure, infrastructure.slice(0, 1000))
    assert.deepEqual(
      decoded.findings.map(({severity, where}) => [severity, where.field]),
      [['warning', 'infrastructure']],
    )
  })
})
