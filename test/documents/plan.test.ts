import assert from 'node:assert/strict'
import {
  DOCUMENTS_ROOT,
  type DocumentPlan,
  documentKindTyped,
  planApply,
  planDelete,
  type Stored,
  transactionsOf,
  type Unwanted,
} from '../../src/documents/index.ts'
import {document, gnp, identities, storedOf, tier, validate} from './documents.ts'

const key = (path: string): string => DOCUMENTS_ROOT + path

const apply = (stored: Stored, ...documents: readonly unknown[]): DocumentPlan =>
  planApply(validate(...documents), stored, identities(documents.length))

const outcome = ({answers, findings}: DocumentPlan): string[] => [
  ...answers.map(({kind, name, result}) => `${kind} ${name} ${result}`),
  ...findings.map(({severity, code}) => `${severity} ${code}`),
]

/** A datastore that holds what a plan wrote. */
const written = (plan: DocumentPlan): Stored =>
  storedOf(...plan.changes.map((change) => [change.key, change.text!] as const))

describe('planApply', () => {
  it('what was written is unchanged, however it is spelt then', () => {
    const policy = gnp('p', {order: 0, egress: [{action: 'Deny', destination: {nets: ['10.0.0.0/8']}}]})
    const stored = written(apply(new Map(), policy))
    const spellings = [
      {...policy, status: {}},
      gnp('p', {
        selector: '',
        types: ['Egress'],
        tier: 'default',
        order: 0,
        doNotTrack: false,
        egress: policy.spec['egress' as never],
      }),
      document('GlobalNetworkPolicy', 'p', policy.spec, {
        uid: 'other',
        creationTimestamp: null,
        labels: {'projectcalico.org/tier': 'default'},
      }),
    ]
    for (const spelling of spellings) {
      const plan = apply(stored, spelling)
      assert.deepEqual([outcome(plan), plan.changes], [['GlobalNetworkPolicy p unchanged'], []])
    }
  })

  const changes: [name: string, before: object, after: object][] = [
    ['an order of 0 is not none', {}, {order: 0}],
    [
      'an HTTP match without conditions is a match',
      {ingress: [{action: 'Allow'}]},
      {ingress: [{action: 'Allow', http: {}}]},
    ],
    [
      'ICMP type 0 is a type',
      {ingress: [{action: 'Deny', protocol: 'ICMP'}]},
      {ingress: [{action: 'Deny', protocol: 'ICMP', icmp: {type: 0}}]},
    ],
    [
      'the order of rules',
      {ingress: [{action: 'Deny'}, {action: 'Allow'}]},
      {ingress: [{action: 'Allow'}, {action: 'Deny'}]},
    ],
    ['a rule less', {ingress: [{action: 'Deny'}, {action: 'Deny'}]}, {ingress: [{action: 'Deny'}]}],
  ]
  for (const [name, before, after] of changes) {
    it(`${name}: configured, either way round`, () => {
      assert.deepEqual(outcome(apply(written(apply(new Map(), gnp('p', before))), gnp('p', after))), [
        'GlobalNetworkPolicy p configured',
      ])
      assert.deepEqual(outcome(apply(written(apply(new Map(), gnp('p', after))), gnp('p', before))), [
        'GlobalNetworkPolicy p configured',
      ])
    })
  }

  it('an empty label is a label', () => {
    const set = (labels: object) => document('GlobalNetworkSet', 's', {nets: ['10.0.0.0/8']}, {labels})
    const stored = written(apply(new Map(), set({a: ''})))
    assert.deepEqual(outcome(apply(stored, set({a: ''}))), ['GlobalNetworkSet s unchanged'])
    assert.deepEqual(outcome(apply(stored, set({}))), ['GlobalNetworkSet s configured'])
  })

  it('writes at the revision that was read, tiers before sets before policies, in any order of documents', () => {
    const documents = [gnp('t.p', {tier: 't'}), document('GlobalNetworkSet', 's', {}), tier('t'), tier('a')]
    const stored = storedOf([key('tiers/a'), '{"spec":{"order":1}}'])
    const expected = [
      [key('tiers/a'), 5],
      [key('tiers/t'), 0],
      [key('globalnetworksets/s'), 0],
      [key('globalnetworkpolicies/t.p'), 0],
    ]
    for (const order of [documents, documents.toReversed()]) {
      const plan = apply(stored, ...order)
      assert.deepEqual(
        plan.changes.map((change) => [change.key, change.modRevision]),
        expected,
      )
    }
  })

  it('keeps uid and time of creation; what cannot be read is replaced under new ones', () => {
    const at = key('tiers/t')
    const identity = (text: string): object => {
      const {uid, creationTimestamp} = JSON.parse(apply(storedOf([at, text]), tier('t')).changes[0]!.text!).metadata
      return [uid, creationTimestamp]
    }
    assert.deepEqual(
      identity('{"metadata":{"uid":"u","creationTimestamp":"2020-01-01T00:00:00Z"},"spec":{"order":1}}'),
      ['u', '2020-01-01T00:00:00Z'],
    )
    for (const text of ['', '[]', '{', '{"metadata":{"uid":"u","creationTimestamp":null},"spec":{"order":1}}']) {
      assert.deepEqual(identity(text), ['uid-0', '2026-01-02T03:04:05Z'], text)
    }
  })

  it('a tier is known that is stored, built in, or among the documents, also with a mistake', () => {
    const policy = gnp('t.p', {tier: 't'})
    assert.deepEqual(outcome(apply(new Map(), policy)), ['GlobalNetworkPolicy t.p created', 'error tier-unknown'])
    const stored = apply(storedOf([key('tiers/t'), '{}']), policy)
    assert.deepEqual(
      [outcome(stored), stored.changes[0]?.needs],
      [['GlobalNetworkPolicy t.p created'], [key('tiers/t')]],
    )
    for (const others of [[tier('t')], [tier('t', {order: 'x'})]]) {
      assert.deepEqual(apply(new Map(), policy, ...others).findings, [])
    }
    assert.deepEqual(apply(new Map(), gnp('kube-admin.p', {tier: 'kube-admin'})).findings, [])
  })

  it('a resourceVersion that is not the stored one is a conflict, unless nothing would change', () => {
    const versioned = (resourceVersion: string, order: number) => document('Tier', 't', {order}, {resourceVersion})
    const stored = storedOf([key('tiers/t'), '{"metadata":{"name":"t"},"spec":{"order":1}}'])
    assert.deepEqual(outcome(apply(stored, versioned('4', 2))), ['Tier t configured', 'error document-conflict'])
    assert.deepEqual(outcome(apply(stored, versioned('5', 2))), ['Tier t configured'])
    assert.deepEqual(outcome(apply(stored, versioned('4', 1))), ['Tier t unchanged'])
    assert.deepEqual(outcome(apply(new Map(), versioned('4', 1))), ['Tier t created', 'error document-conflict'])
  })

  it('what etcd would not take is refused', () => {
    const rule = {action: 'Deny', metadata: {annotations: {a: 'x'.repeat(250_000)}}}
    const plan = apply(new Map(), gnp('p', {ingress: Array(6).fill(rule)}))
    assert.deepEqual(outcome(plan), ['GlobalNetworkPolicy p created', 'error document-too-large'])
    assert.deepEqual(outcome(apply(new Map(), gnp('p', {ingress: Array(5).fill(rule)}))), [
      'GlobalNetworkPolicy p created',
    ])
  })
})

describe('planDelete', () => {
  const unwanted = (...given: readonly (readonly [kind: string, name: string])[]): Unwanted[] =>
    given.map(([kind, name]) => ({kind: documentKindTyped(kind)!, name, namespace: null, where: {source: 'delete'}}))
  const policy = JSON.stringify(gnp('t.p', {tier: 't'}))
  const stored = storedOf(
    [key('tiers/t'), '{}'],
    [key('tiers/default'), '{}'],
    [key('globalnetworkpolicies/t.p'), policy],
    [key('globalnetworkpolicies/bad'), 'no JSON'],
  )

  it('policies go before their tier, at the revision that was read', () => {
    const plan = planDelete(unwanted(['tier', 't'], ['gnp', 't.p']), stored, false)
    assert.deepEqual(
      plan.changes.map((change) => [change.key, change.text, change.modRevision]),
      [
        [key('globalnetworkpolicies/t.p'), null, 5],
        [key('tiers/t'), null, 5],
      ],
    )
    assert.deepEqual(plan.findings, [])
  })

  it('a tier with policies stays; a built-in one may go, since it then is what it always was', () => {
    assert.deepEqual(outcome(planDelete(unwanted(['tier', 't']), stored, false)), [
      'Tier t deleted',
      'error tier-in-use',
    ])
    assert.deepEqual(outcome(planDelete(unwanted(['tier', 'default']), stored, false)), ['Tier default deleted'])
  })

  it('what cannot be read can be deleted; what is not there is an error unless it may be missing', () => {
    assert.deepEqual(outcome(planDelete(unwanted(['gnp', 'bad']), stored, false)), ['GlobalNetworkPolicy bad deleted'])
    assert.deepEqual(outcome(planDelete(unwanted(['gnp', 'x']), stored, false)), ['error document-missing'])
    assert.deepEqual(outcome(planDelete(unwanted(['gnp', 'x']), stored, true)), [])
  })

  it('twice is once', () => {
    assert.equal(
      planDelete(unwanted(['gnp', 't.p'], ['globalnetworkpolicies', 't.p']), stored, false).changes.length,
      1,
    )
  })
})

describe('transactionsOf', () => {
  const many = (count: number, padding = 0) =>
    apply(
      storedOf([key('tiers/t'), '{}']),
      ...Array.from({length: count}, (_, index) =>
        document('GlobalNetworkPolicy', `t.p${index}`, {tier: 't'}, {annotations: {a: 'x'.repeat(padding)}}),
      ),
    )

  it('one where it fits: etcd counts comparisons too', () => {
    assert.equal(transactionsOf(many(127).changes).length, 1)
    assert.equal(transactionsOf(many(128).changes).length, 2)
    for (const {changes, existing, quiet} of transactionsOf(many(300).changes)) {
      assert.ok(changes.length + existing.length + quiet.length <= 128)
      assert.deepEqual(existing, [key('tiers/t')])
    }
  })

  it('large ones are split by their bytes, and one that is larger than the bound still goes alone', () => {
    const parts = transactionsOf(many(10, 200_000).changes)
    assert.deepEqual(
      parts.map(({changes}) => changes.length),
      [7, 3],
    )
    assert.deepEqual(transactionsOf([{key: 'k', rank: 0, text: 'x'.repeat(2e6), modRevision: 0, needs: []}]).length, 1)
  })

  it('while a tier goes nothing may come into it', () => {
    const plan = planDelete(
      [{kind: documentKindTyped('tier')!, name: 't', namespace: null, where: {source: 'delete'}}],
      storedOf([key('tiers/t'), '{}']),
      false,
    )
    const policies = [
      'globalnetworkpolicies/',
      'stagedglobalnetworkpolicies/',
      'networkpolicies/',
      'stagednetworkpolicies/',
    ]
    assert.deepEqual(transactionsOf(plan.changes)[0]?.quiet, policies.map(key))
    assert.deepEqual(transactionsOf([]), [])
  })
})
