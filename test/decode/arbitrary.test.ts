import assert from 'node:assert/strict'
import fc from 'fast-check'
import {decodeDocument, decodeRecord} from '../../src/decode/index.ts'
import type {Decoded} from '../../src/model/index.ts'
import {CALICO_FIXTURES, calicoFixture} from '../support/records.ts'

const KEYS = [
  ...CALICO_FIXTURES.map((name) => calicoFixture(name).key),
  '/isthmus/v1/resources/projectcalico.org/staticprefixes/rack',
  '/isthmus/v1/export/meta',
  '/isthmus/v1/export/site',
  '/isthmus/v1/export/gateways/b1',
  '/isthmus/v1/export/attributes/0a1b',
  '/isthmus/v1/export/endpoints/main/10.2.0.5/0a1b',
  '/isthmus/v1/export/resources/tiers/t',
]

/** Whatever went in, the answer is one of four shapes, and a refusal says why. */
function check(decoded: Decoded, key: string): void {
  assert.equal(decoded.key, key)
  assert.ok(['resource', 'export', 'ignored', 'bad'].includes(decoded.type))
  const errors = decoded.findings.filter((finding) => finding.severity !== 'warning')
  if (decoded.type === 'bad') assert.ok(decoded.findings.length > 0)
  else assert.deepEqual(errors, [])
}

describe('decodeRecord on anything', () => {
  const anyKey = fc.oneof(
    fc.constantFrom(...KEYS),
    fc.string(),
    fc.tuple(fc.constantFrom(...KEYS), fc.string()).map(([key, more]) => key + more),
  )

  it('arbitrary bytes under arbitrary keys never throw', () => {
    fc.assert(
      fc.property(anyKey, fc.uint8Array({maxLength: 64}), (key, value) => {
        check(decodeRecord({key, value, modRevision: 1}), key)
      }),
    )
  })

  it('arbitrary JSON under every key never throws', () => {
    fc.assert(
      fc.property(anyKey, fc.json(), (key, text) => {
        check(decodeRecord({key, value: new TextEncoder().encode(text), modRevision: 1}), key)
      }),
    )
  })

  it('fixtures with a value replaced anywhere never throw', () => {
    const fixture = fc.constantFrom(...CALICO_FIXTURES.filter((name) => name !== 'blockaffinity-legacy-empty'))
    fc.assert(
      fc.property(fixture, fc.nat(), fc.jsonValue({maxDepth: 2}), (name, at, replacement) => {
        const record = calicoFixture(name)
        const value = replaceAt(JSON.parse(new TextDecoder().decode(record.value)), {left: at % 40}, replacement)
        check(decodeRecord({...record, value: new TextEncoder().encode(JSON.stringify(value))}), record.key)
      }),
      {numRuns: 1000},
    )
  })

  it('fixtures with bytes changed never throw', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CALICO_FIXTURES), fc.nat(), fc.nat(255), (name, at, byte) => {
        const record = calicoFixture(name)
        const value = record.value.slice()
        if (value.length > 0) value[at % value.length] = byte
        check(decodeRecord({...record, value}), record.key)
      }),
      {numRuns: 1000},
    )
  })

  it('nesting deeper than any stack is a finding', () => {
    const text = `{"spec":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    const key = '/calico/resources/v3/projectcalico.org/tiers/t'
    assert.equal(decodeRecord({key, value: new TextEncoder().encode(text), modRevision: 1}).type, 'bad')
  })
})

describe('decodeDocument on anything', () => {
  it('never throws', () => {
    fc.assert(
      fc.property(fc.anything(), (document) => {
        decodeDocument(document, 'file x')
      }),
    )
  })
})

/** The tree with its n-th node (in order) replaced. */
function replaceAt(node: unknown, position: {left: number}, replacement: unknown): unknown {
  if (position.left-- === 0) return replacement
  if (Array.isArray(node)) return node.map((item) => replaceAt(item, position, replacement))
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, replaceAt(item, position, replacement)]))
}
