import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {NetworkSet, Policy, Profile, Resource, WorkloadEndpoint} from '../../../src/model/index.ts'
import {calicoView, directions, judge, judgeOwn, type Packet} from '../../../src/policy/oracle/index.ts'
import {prepareTracer, traceStations} from '../../../src/policy/trace/index.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'
import {address, attributes, entity, policy, prefix, rule, tier, world} from '../worlds.ts'

const numRuns = Number(process.env.RUNS ?? 150)

describe(`explanations (SEED=${seed} RUNS=${numRuns})`, () => {
  it('give in each direction what the oracle gives, and end with the rule that decides', () => {
    fc.assert(
      fc.property(worlds, verdicts, fc.array(packets, {minLength: 10, maxLength: 30}), (one, standard, flows) => {
        const tracer = prepareTracer(one, standard)
        for (const packet of flows) {
          const whole = directions(one, standard, packet)
          const {egress, ingress} = tracer.explain(packet)
          assert.deepEqual(egress.judgement, whole.egress())
          assert.deepEqual(ingress.judgement, whole.ingress())
          for (const {judgement, rules} of [egress, ingress]) {
            if (judgement?.reason !== 'rule') continue
            const {kind, tier: inTier, policy: name, rule: index} = judgement
            const last = rules.at(-1)
            assert.deepEqual([last?.kind, last?.tier, last?.policy, last?.rule], [kind, inTier, name, index])
            assert.equal(last?.passedOver, null)
          }
        }
      }),
      {seed, numRuns},
    )
  }).timeout(Math.max(20_000, numRuns * 100))
})

const meta = (name: string, namespace: string | null, labels = {}) => ({name, namespace, labels, annotations: {}})

const pod = (name: string, at: string, labels: object, namespace = 'shop', profiles = [`kns.${namespace}`]) =>
  ({
    kind: 'WorkloadEndpoint',
    meta: meta(name, namespace, {'projectcalico.org/namespace': namespace, ...labels}),
    ...{node: 'n1', pod: name, addresses: [address(at)], profiles, ports: [], serviceAccount: null},
  }) satisfies WorkloadEndpoint

const profile = (name: string, ingress: Profile['ingress'], labels = {}): Profile => ({
  ...{kind: 'Profile', meta: meta(name, null), labelsToApply: labels},
  ...{ingress, egress: [rule('Allow')]},
})
const namespaced = (name: string, part: Partial<Policy>): Policy => ({
  ...policy(name, part),
  kind: 'NetworkPolicy',
  meta: meta(name, 'shop'),
})
const remote = (labels = {}): NetworkSet => ({
  ...{kind: 'NetworkSet', meta: meta('isthmus-b', null, {'isthmus.io/site': 'b', ...labels})},
  nets: [prefix('10.2.0.0/16')],
})

const to = (at: string): Packet => ({
  ...{from: address('10.2.0.7'), to: address(at), protocol: 6, sourcePort: 40_000, destinationPort: 80},
})
const own = (resources: readonly Resource[], packet = to('10.1.0.5')) =>
  judgeOwn(calicoView(resources, [packet.from, packet.to]), 'ingress', packet, () => {})

describe("a site's own Calico", () => {
  const web = pod('web', '10.1.0.5', {app: 'web'})
  const open = profile('kns.shop', [rule('Allow')], {'pcns.team': 'x'})

  it('has no say in addresses of others', () => {
    assert.equal(own([web, open], to('10.1.0.6')), null)
  })

  it('without policy goes by the profiles, in order, and drops behind the last', () => {
    assert.deepEqual(own([web, open]), {
      ...{kind: 'Profile', tier: null, policy: 'kns.shop', rule: 0, verdict: 'allow', reason: 'profile'},
    })
    assert.equal(own([web, profile('kns.shop', [rule('Deny')])])?.verdict, 'deny')
    assert.equal(own([web, profile('kns.shop', [rule('Pass')])])?.reason, 'end')
    assert.equal(own([web, profile('kns.shop', [])])?.reason, 'end')
  })

  it('denies for a profile that is listed and missing, even before one that would allow', () => {
    const judged = own([pod('web', '10.1.0.5', {}, 'shop', ['lost', 'kns.shop']), open])
    assert.deepEqual([judged?.verdict, judged?.policy, judged?.rule], ['deny', 'lost', null])
  })

  it('a NetworkPolicy governs its namespace only, and denies behind its rules', () => {
    const closed = namespaced('closed', {types: ['ingress']})
    assert.deepEqual([own([web, open, closed])?.verdict, own([web, open, closed])?.reason], ['deny', 'tier'])
    const other = pod('web', '10.1.0.5', {}, 'bank')
    assert.equal(own([other, profile('kns.bank', [rule('Allow')]), closed])?.verdict, 'allow')
  })

  const sources: [string, Parameters<typeof entity>[0], 'allow' | 'deny'][] = [
    ['nothing: whoever', {}, 'allow'],
    ['selector: in the namespace only', {selector: "isthmus.io/site == 'b'"}, 'deny'],
    [
      'namespaceSelector global(): sets of no namespace',
      {selector: "isthmus.io/site == 'b'", namespaceSelector: 'global()'},
      'allow',
    ],
    ['notSelector: in the namespace and not that', {notSelector: "app == 'x'"}, 'deny'],
    ['nets', {nets: [prefix('10.2.0.0/24')]}, 'allow'],
    ['service accounts: pods of the namespace', {serviceAccounts: {names: ['bot'], selector: ''}}, 'deny'],
  ]
  for (const [name, source, verdict] of sources) {
    it(`a source of a NetworkPolicy's rule: ${name}`, () => {
      const some = namespaced('some', {types: ['ingress'], ingress: [rule('Allow', {source: entity(source)})]})
      assert.equal(own([web, open, remote(), some])?.verdict, verdict)
    })
  }

  it('labels come from profiles too, and tiers without a store have their built-in order', () => {
    const team = policy('team', {
      types: ['ingress'],
      tier: 'kube-admin',
      namespaceSelector: "team == 'x'",
      ingress: [rule('Deny')],
    })
    const later = namespaced('later', {types: ['ingress'], ingress: [rule('Allow')]})
    assert.equal(own([web, open, team, later])?.policy, 'team')
  })
})

describe('stations', () => {
  it('are four, in the order of the flow; what is not known is said', () => {
    const ends = [
      {at: '10.1.0.5', site: 'a', set: attributes('pod')},
      {at: '10.2.0.7', site: 'b', set: attributes('pod', {labels: {app: 'db'}})},
    ]
    const db = policy('db', {
      types: ['ingress'],
      selector: "app == 'db'",
      ingress: [
        rule('Allow', {protocol: 17}),
        rule('Allow', {source: entity({selector: "app == 'web'"})}),
        rule('Allow', {protocol: 6, destination: entity({ports: {ranges: [{first: 5432, last: 5432}], names: []}})}),
      ],
    })
    const known = world(ends, [tier('default', 1)], [db])
    const calico = calicoView([pod('web', '10.1.0.5', {}), profile('kns.shop', [])], [address('10.1.0.5')])
    const explained = traceStations(
      prepareTracer(known, 'allow'),
      (site) => new Map(site === 'a' ? [['main', calico]] : []),
      {from: '10.1.0.5', to: '10.2.0.7', protocol: 'tcp', port: 5432},
    )
    assert.deepEqual(
      explained.stations?.map(({station, site, verdict, why}) => [station, site, verdict, why]),
      [
        ['source-own', 'a', 'allow', 'rule 0 of Profile kns.shop'],
        ['egress', 'a', 'allow', 'no policy decides: the default'],
        ['ingress', 'b', 'allow', 'rule 2 of GlobalNetworkPolicy db in tier default'],
        ['destination-own', 'b', 'unknown', "what site b's own Calico says is not known here: only its export is"],
      ],
    )
    assert.deepEqual(
      explained.stations?.[2]?.rules.map(({passedOver}) => passedOver),
      ['it is for protocol 17', 'source selector app == "web" does not mean 10.1.0.5', null],
    )
    assert.equal(judge(known, 'allow', to('10.1.0.5')).verdict, 'allow')
  })
})
