import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {decodeRecord} from '../../src/decode/index.ts'
import {exportRecords, localDatastores} from '../../src/export/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {TunnelOffer, UplinkName, UplinkRef, WgPublicKey} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {address, configOf, EXPORT, EXPORTING, ISTHMUS, listOf, podRecord, prefix} from '../support/sites.ts'

const PAGE = readFileSync(path.resolve(import.meta.dirname, '../../docs/reference/export.md'), 'utf8')

/** A World that leaves out nothing that can be in an export's own records. */
function written(): ReadonlyMap<string, string> {
  const [main] = configOf().datastores
  const [uplink] = configOf().uplinks
  const config = configOf({
    datastores: [{...main!, export: {...EXPORTING, localPolicies: true}}],
    uplinks: [{...uplink!, public: address('198.51.100.1')}],
    infrastructure: [prefix('192.168.10.0/24')],
  })
  assert.deepEqual(localDatastores(config), ['main'])
  const federation = new Federation(config)
  const pod = podRecord('web-1', '10.1.0.5', {labels: {app: 'web'}, serviceAccount: 'web'})
  const policy = rawRecord(`${ISTHMUS}globalnetworkpolicies/p`, {spec: {order: 1}})
  federation.update(listOf('datastore/main', [pod, policy]))
  const offer: TunnelOffer = {
    slot: 0,
    uplink: 'wan' as UplinkName,
    encapsulation: 'wireguard',
    publicKey: 'jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY=' as WgPublicKey,
    port: 51820,
    port6: 5556,
    serial: 1,
    leaving: true,
    also: 'fou',
    next: 'fou',
    auto: {ipip: true, encrypted: false},
  }
  return exportRecords(federation.world(), config, {tunnels: new Map([['b/b1/wan' as UplinkRef, [offer]]])})
}

/** Paths of the fields, in the words of the page. */
function fieldsOf(record: string, value: unknown, at = ''): string[] {
  if (typeof value !== 'object' || value === null) return [at]
  if (Array.isArray(value)) {
    const objects = value.filter((item) => typeof item === 'object' && item !== null && !Array.isArray(item))
    return objects.length === 0 ? [at] : objects.flatMap((item) => fieldsOf(record, item, `${at}[]`))
  }
  // Labels are the operator's, tunnels go by their far ends.
  if (record === 'attributes' && at === 'labels') return [at]
  return Object.entries(value).flatMap(([name, inner]) => {
    const below = at === 'tunnels' ? `${at}.*` : at === '' ? name : `${at}.${name}`
    return [...(at === 'tunnels' ? [below] : []), ...fieldsOf(record, inner, below)]
  })
}

const documented = [...PAGE.matchAll(/^\| `(\w+)` +\| `([^`]+)` +\| [\d.]+ /gm)].map(
  ([, record, field]) => `${record} ${field}`,
)
const keyRows = [...PAGE.matchAll(/^\| `([^`]+)` +\| (?:the leader|that gateway)/gm)].map(
  ([, key]) => key!.split('/')[0],
)

describe('docs/reference/export.md', () => {
  it('has every field that is written, and no other', () => {
    const fields = new Set<string>()
    for (const [key, text] of written()) {
      const record = key.slice(EXPORT.length).split('/')[0]!
      if (record === 'resources') continue
      for (const field of fieldsOf(record, JSON.parse(text))) fields.add(`${record} ${field}`)
    }
    assert.deepEqual(documented.toSorted(), [...fields].sort())
  })

  it('has every key that is written and read', () => {
    const kinds = new Set([...written().keys()].map((key) => key.slice(EXPORT.length).split('/')[0]!))
    assert.deepEqual(keyRows.toSorted(), [...kinds, 'local'].sort())
  })

  const lines = (/```\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? '').trim().split('\n')
  for (const line of lines) {
    const [key = '', text = ''] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]
    it(`its example of ${key} is read without a word`, () => {
      const decoded = decodeRecord(rawRecord(EXPORT + key, text), 'export a')
      assert.deepEqual([decoded.type, decoded.findings], ['export', []])
    })
  }

  it('says which fields are required: without one the record is refused, without any other it is not', () => {
    const required = new Set(
      [...PAGE.matchAll(/^\| `(\w+)` +\| `(\w+)` .*; required/gm)].map(([, record, field]) => `${record} ${field}`),
    )
    assert.deepEqual([...required].sort(), ['attributes kind', 'meta schema', 'meta site', 'site as'])
    for (const line of lines.slice(0, 6)) {
      const key = line.slice(0, line.indexOf(' '))
      const value: Record<string, unknown> = JSON.parse(line.slice(line.indexOf(' ')))
      for (const field of Object.keys(value)) {
        const {[field]: _, ...rest} = value
        const {type} = decodeRecord(rawRecord(EXPORT + key, rest), 'export a')
        assert.equal(type, required.has(`${key.split('/')[0]} ${field}`) ? 'bad' : 'export', `${key} without ${field}`)
      }
    }
  })
})
