import assert from 'node:assert/strict'
import fc from 'fast-check'
import {stringify} from 'yaml'
import {decodeRecord} from '../../src/decode/index.ts'
import {
  DOCUMENT_KINDS,
  documentDifference,
  planApply,
  storedRows,
  unifiedDifference,
  validateDocuments,
} from '../../src/documents/index.ts'
import {rawRecord} from '../support/records.ts'
import {document, gnp, identities, storedOf, yamlOf} from './documents.ts'

const seed = Number(process.env.SEED ?? 4)
const options = {seed, numRuns: 60}

const word = fc.constantFrom('a', 'app', 'x-1')
const selector = fc.constantFrom('', 'all()', "app == 'web'", "!has(a) && b not in {'x'}", '\ta contains ""')
const nets = fc.array(fc.constantFrom('10.0.0.0/8', '192.0.2.0/24', '0.0.0.0/0'), {maxLength: 3})
const entity = fc.record(
  {nets, notNets: nets, selector, notSelector: selector, namespaceSelector: selector},
  {requiredKeys: []},
)
const rule = fc.record(
  {
    action: fc.constantFrom('Allow', 'Deny', 'Pass', 'Log'),
    protocol: fc.constantFrom('TCP', 'sctp', 17, 'ICMP'),
    ipVersion: fc.constantFrom(4, null),
    source: entity,
    destination: entity,
    metadata: fc.record({annotations: fc.dictionary(word, fc.constantFrom('', 'y: "z"\n- 1'))}),
  },
  {requiredKeys: ['action']},
)
const rules = fc.array(rule, {maxLength: 3})
const policy = fc
  .record(
    {
      order: fc.constantFrom(0, -1.5, 1e6, null),
      selector,
      serviceAccountSelector: selector,
      types: fc.constantFrom([], ['Ingress'], ['Egress', 'Ingress'], null),
      ingress: rules,
      egress: rules,
      applyOnForward: fc.boolean(),
    },
    {requiredKeys: []},
  )
  .map((spec) => gnp('p', spec))
const labels = fc.dictionary(word, fc.constantFrom('', 'y', 'true', '1'))
const set = fc.tuple(labels, nets).map(([own, list]) => document('GlobalNetworkSet', 's', {nets: list}, {labels: own}))

/** Stores a document as apply does, and answers what there is then. */
function store(one: unknown) {
  const validated = validateDocuments([{file: 'f', text: yamlOf(one)}])
  const plan = planApply(validated, new Map(), identities(1))
  const [change] = plan.changes
  assert.ok(change?.text, JSON.stringify([validated.findings, plan.findings]))
  return {text: change.text, stored: storedOf([change.key, change.text]), key: change.key, validated}
}

describe('documents, for any policy and set,', () => {
  it('what get prints is unchanged when it is applied, as YAML and as JSON', () => {
    fc.assert(
      fc.property(fc.oneof(policy, set), (one) => {
        const {stored} = store(one)
        const [row] = storedRows(stored, DOCUMENT_KINDS)
        for (const text of [stringify(row?.document, {lineWidth: 0}), JSON.stringify(row?.document)]) {
          const again = validateDocuments([{file: 'f', text}])
          const plan = planApply(again, stored, identities(1))
          assert.deepEqual(
            plan.answers.map(({result}) => result),
            ['unchanged'],
            `${text}\n${JSON.stringify(again.findings)}`,
          )
          assert.equal(documentDifference(again.documents[0]!, stored), '')
        }
      }),
      options,
    )
  })

  it('what is stored is read back by decode as the resource that was judged', () => {
    fc.assert(
      fc.property(fc.oneof(policy, set), (one) => {
        const {text, key, validated} = store(one)
        const decoded = decodeRecord(rawRecord(key, text))
        assert.ok(decoded.type === 'resource', JSON.stringify(decoded.findings))
        assert.deepEqual(decoded.resource, validated.documents[0]?.resource)
      }),
      options,
    )
  })

  it('two that are stored differently differ in diff, and those that are not do not', () => {
    fc.assert(
      fc.property(policy, policy, (a, b) => {
        const [first, second] = [store(a), store(b)]
        const isSame = planApply(second.validated, first.stored, identities(1)).changes.length === 0
        assert.equal(documentDifference(second.validated.documents[0]!, first.stored) === '', isSame)
      }),
      options,
    )
  })
})

describe('unifiedDifference', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), {maxLength: 30})

  it('applied to the old text gives the new one', () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const text = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('')
        assert.deepEqual(patched(before, unifiedDifference(text(before), text(after), ['x', 'y'])), after)
      }),
      {seed, numRuns: 2000},
    )
  })

  it('is the shortest, with three lines around', () => {
    const before = '1\n2\n3\n4\n5\n6\n7\n8\n9\n'
    assert.equal(
      unifiedDifference(before, before.replace('5\n', 'five\n'), ['old', 'new']),
      '--- old\n+++ new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n',
    )
    assert.equal(unifiedDifference('', 'a\n', ['old', 'new']), '--- old\n+++ new\n@@ -0,0 +1 @@\n+a\n')
    assert.equal(unifiedDifference(before, before, ['old', 'new']), '')
  })

  it('texts without a line in common, longer than anybody reads, take no time', () => {
    const text = (letter: string): string => Array.from({length: 20_000}, (_, index) => `${letter}${index}\n`).join('')
    assert.equal(unifiedDifference(text('a'), text('b'), ['x', 'y']).split('\n').length, 40_004)
  })
})

/** What `patch` makes of it. */
function patched(before: readonly string[], difference: string): string[] {
  const after: string[] = []
  let at = 0
  for (const line of difference.split('\n').slice(2, -1)) {
    const range = /^@@ -(\d+)(?:,(\d+))? \+/.exec(line)
    if (range) {
      const start = range[2] === '0' ? Number(range[1]) : Number(range[1]) - 1
      while (at < start) after.push(before[at++]!)
    } else if (line.startsWith('+')) after.push(line.slice(1))
    else {
      assert.equal(before[at], line.slice(1))
      if (line.startsWith(' ')) after.push(line.slice(1))
      at++
    }
  }
  return [...after, ...before.slice(at)]
}
