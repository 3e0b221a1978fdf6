import assert from 'node:assert/strict'
import {decodeRecord} from '../../src/decode/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {RawRecord} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {changesOf, configOf, EXPORT, listOf} from '../support/sites.ts'

const MOST_TEXT = 2000

/** What somebody else can make of findings: they are logged, listed, and compared at each pass. */
describe('findings that a site makes in numbers', () => {
  const broken = (number: number, value = '{'): RawRecord =>
    rawRecord(`${EXPORT}endpoints/main/10.2.${number >> 8}.${number & 255}/x`, value, number + 1)

  it('by many broken records: the first of each sort are named, of the others their number; all are counted', () => {
    const federation = new Federation(configOf())
    const records = Array.from({length: 5000}, (_, number) => broken(number))
    federation.update(listOf('export/b', records, 9000))
    const {findings, sources} = federation.world()
    assert.equal(sources.get('export/b')?.decodeErrors, 5000)
    const texts = findings.map(({code, severity, detail}) => `${severity} ${code} ${detail}`)
    assert.equal(texts.filter((text) => text.startsWith('error record-not-json')).length, 21)
    assert.equal(texts.filter((text) => text.startsWith('error refused-absent')).length, 21)
    assert.equal(texts.filter((text) => /4980 more/.test(text)).length, 2)
    assert.equal(texts.length, 42)
    assert.equal(findings[0]!.where.key, records[0]!.key, 'in the order of the keys')

    federation.update(
      changesOf(
        'export/b',
        [],
        records.slice(3).map(({key}) => key),
        9001,
      ),
    )
    assert.equal(federation.world().findings.length, 6, 'a few are all named')
  })

  it('by one record with much wrong in it: the first faults are named, errors before warnings', () => {
    const labels = Object.fromEntries(Array.from({length: 1000}, (_, number) => [`l${number}`, number]))
    const decoded = decodeRecord(rawRecord(`${EXPORT}attributes/x`, {kind: 'pod', labels}))
    assert.equal(decoded.type, 'bad')
    assert.equal(decoded.findings.length, 21)
    assert.match(decoded.findings.at(-1)!.detail, /980 more/)

    const prefixes = Array.from({length: 1000}, () => 'nowhere')
    const site = decodeRecord(rawRecord(`${EXPORT}site`, {as: 7, prefixes, infrastructure: [], unknown: 1}))
    assert.deepEqual([site.type, site.findings.length], ['export', 21])
    const both = decodeRecord(rawRecord(`${EXPORT}site`, {as: 7, prefixes, infrastructure: 'none'}))
    assert.deepEqual([both.type, both.findings[0]?.severity], ['bad', 'error'])
  })

  it('by prefixes that are not granted, and by inner addresses that it may not have', () => {
    const federation = new Federation(configOf())
    const prefixes = Array.from({length: 5000}, (_, number) => `10.9.${number >> 8}.${number & 255}/32`)
    const uplink = (number: number): object => {
      const inner = Array.from({length: 100}, (_, at) => `172.16.${number}.${at}`)
      return {name: `u${number}`, address: '192.0.2.2', inner: [...inner, '100.64.0.9']}
    }
    federation.update(
      listOf('export/b', [
        rawRecord(`${EXPORT}site`, {as: 7, prefixes}),
        rawRecord(`${EXPORT}gateways/b1`, {uplinks: Array.from({length: 16}, (_, number) => uplink(number))}),
      ]),
    )
    const {findings} = federation.world()
    const texts = findings.map(({code, detail}) => `${code} ${detail}`)
    assert.equal(texts.filter((text) => text.startsWith('prefix-not-granted')).length, 21)
    assert.equal(texts.filter((text) => text.startsWith('inner-address-conflict')).length, 21)
    assert.ok(texts.some((text) => /4980 more/.test(text)))
    for (const finding of findings) assert.ok(JSON.stringify(finding).length < MOST_TEXT, finding.code)
  })

  const long = 'x'.repeat(1_000_000)
  const wordy: [what: string, records: RawRecord[]][] = [
    ['the name of a label', [rawRecord(`${EXPORT}attributes/x`, {kind: 'pod', labels: {[long]: 1}})]],
    [
      'the name of an endpoint that is refused',
      [
        rawRecord(`${EXPORT}attributes/x`, {kind: 'pod', labels: {}}),
        rawRecord(`${EXPORT}endpoints/main/10.3.0.5/x`, {n: [long, 'x/y']}),
      ],
    ],
    [
      'the names of endpoints at one address',
      [
        rawRecord(`${EXPORT}attributes/x`, {kind: 'pod', labels: {}}),
        rawRecord(`${EXPORT}attributes/y`, {kind: 'pod', labels: {app: 'y'}}),
        rawRecord(`${EXPORT}endpoints/main/10.2.0.5/x`, {n: [long]}),
        rawRecord(`${EXPORT}endpoints/main/10.2.0.5/y`, {n: Array.from({length: 5000}, (_, i) => `x/${i}`)}),
      ],
    ],
  ]
  for (const [what, records] of wordy) {
    it(`by a megabyte in ${what}: of it only the beginning is told`, () => {
      const federation = new Federation(configOf())
      federation.update(listOf('export/b', records))
      const {findings} = federation.world()
      assert.ok(findings.length > 0)
      for (const finding of findings) assert.ok(JSON.stringify(finding).length < MOST_TEXT, finding.code)
    })
  }
})
