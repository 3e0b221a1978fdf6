import assert from 'node:assert/strict'
import type {Policy, World} from '../../../src/model/index.ts'
import {type Compiled, compilePolicy, GATEWAY_BOUNDS} from '../../../src/policy/compile/index.ts'
import {attributes, entity, type Placed, policy, prefix, rule, tier, world} from '../worlds.ts'

const pod = (at: string, labels: Record<string, string>): Placed => ({
  at,
  site: at.startsWith('10.2') ? 'b' : 'a',
  set: attributes('pod', {labels}),
})
const WEB = pod('10.1.0.1', {app: 'web'})
const WEB2 = pod('10.1.0.2', {app: 'web', extra: '1'})
const DB = pod('10.2.0.1', {app: 'db'})
const OTHER = pod('10.2.0.2', {app: 'other'})

const tcp80 = {protocol: 6, destination: entity({ports: {ranges: [{first: 80, last: 80}], names: []}})}
const webToDb = (action: 'Allow' | 'Deny' = 'Allow'): Policy =>
  policy('p', {
    types: ['ingress'],
    selector: "app == 'db'",
    ingress: [rule(action, {...tcp80, source: entity({selector: "app == 'web'"})})],
  })

let revision = 0
const of = (placed: Placed[], policies: Policy[]): World => ({
  ...world(placed, [tier('default', 1)], policies),
  memberRevision: ++revision,
})
const compile = (from: World, previous: Compiled | null = null): Compiled =>
  compilePolicy(from, {default: 'allow', previous, firstClass: 100})
const markOf = ({sets}: Compiled, {at}: Placed): string | undefined => sets.get('class4')!.elements.get(at)

describe('compilePolicy', () => {
  it('gives equal bytes for equal input, whatever the order of members and policies', () => {
    const more = [webToDb(), policy('q', {selector: "app == 'other'", egress: [rule('Deny')]})]
    const one = compile(of([WEB, WEB2, DB, OTHER], more))
    const two = compile(of([OTHER, DB, WEB2, WEB], more.toReversed()))
    assert.deepEqual(one.sets, two.sets)
    assert.deepEqual([...one.chains], [...two.chains])
  })

  it('puts addresses that no policy can tell apart into one class', () => {
    const compiled = compile(of([WEB, WEB2, DB, OTHER], [webToDb()]))
    assert.equal(markOf(compiled, WEB), markOf(compiled, WEB2))
    assert.notEqual(markOf(compiled, WEB), markOf(compiled, DB))
  })

  it('stores only pairs that a rule can match', () => {
    const compiled = compile(of([WEB, WEB2, DB, OTHER], [webToDb()]))
    assert.equal(compiled.sets.get('pairs')!.elements.size, 1)
    assert.deepEqual(compiled.statistics, {endpoints: 4, classes: 5, verdictEntries: 1, chains: 1})
  })

  it('says once what several rules of a tier come to, and nothing behind a rule that takes all', () => {
    const fromWeb = {source: entity({selector: "app == 'web'"})}
    const again = policy('r', {
      ...{types: ['ingress'], selector: "app == 'db'"},
      ingress: [
        rule('Allow', {...tcp80, ...fromWeb}),
        rule('Deny', fromWeb),
        rule('Allow', {protocol: 17, ...fromWeb}),
      ],
    })
    const compiled = compile(of([WEB, DB], [webToDb(), again]))
    const [number] = [...compiled.sets.get('pairs')!.elements.values()]
    const target = compiled.sets.get('verdicts')!.elements.get(number!)
    assert.deepEqual(compiled.chains.get(target!.replace('goto ', ''))!.rules, [
      'meta l4proto 6 ct original proto-dst 80 goto allowed',
      'goto deny_ingress_b',
    ])
    const {size, byContent} = compiled.state.live!.pairs.programs
    assert.equal(byContent.size, 3)
    // For each tier list of a subject the one without rules, then one rule more each: the same allow again, and what stands
    // behind the deny, make none.
    const withRules = size - compiled.state.live!.pairs.programs.roots.size
    assert.equal(withRules, 2)
  })

  it('prints the verdict chain by the original tuple', () => {
    const compiled = compile(of([WEB, DB], [webToDb()]))
    const [number] = [...compiled.sets.get('pairs')!.elements.values()]
    const target = compiled.sets.get('verdicts')!.elements.get(number!)
    assert.deepEqual(compiled.chains.get(target!.replace('goto ', ''))!.rules, [
      'meta l4proto 6 ct original proto-dst 80 goto allowed',
      'goto deny_ingress_b',
    ])
  })

  it('gives back the previous result when nothing changed', () => {
    const same = of([WEB, DB], [webToDb()])
    const first = compile(same)
    assert.equal(compile({...same}, first), first)
  })

  it('cuts prefixes and nets of rules into disjoint intervals', () => {
    const owned = {at: '10.1.0.0/16', site: 'a', set: attributes('prefix')}
    const net = policy('p', {ingress: [rule('Deny', {source: entity({nets: [prefix('10.1.2.0/24')]})})]})
    const compiled = compile(of([owned], [net]))
    assert.deepEqual(
      [...compiled.sets.get('cidr4')!.elements.keys()],
      ['10.1.0.0/23', '10.1.2.0/24', '10.1.3.0-10.1.255.255'],
    )
  })

  it('has a counter for each direction of each site', () => {
    const {counters, chains} = compile(of([WEB, DB], []))
    const denials = ['deny_egress_a', 'deny_egress_b', 'deny_ingress_a', 'deny_ingress_b', 'deny_unowned']
    assert.deepEqual(counters, [...denials, 'judged_beyond'])
    for (const counter of denials) assert.deepEqual(chains.get(counter)!.rules, [`counter name "${counter}" drop`])
  })
})

describe('class numbers', () => {
  const first = compile(of([WEB, WEB2, DB], [webToDb()]))

  it('stay when a rule changes and the classes do not', () => {
    const next = compile(of([WEB, WEB2, DB], [webToDb('Deny')]), first)
    for (const one of [WEB, WEB2, DB]) assert.equal(markOf(next, one), markOf(first, one))
    assert.notDeepEqual(next.sets.get('pairs'), first.sets.get('pairs'))
  })

  it('stay with the others when one endpoint comes or changes its labels', () => {
    const [from, changed] = [of([WEB, WEB2, DB], [webToDb()]), pod(WEB2.at, {app: 'other'})]
    const first = compile(from)
    const [web, web2, db] = [WEB, WEB2, DB].map((one) => markOf(first, one))
    const now = {...of([WEB, changed, DB, OTHER], []), policies: from.policies, sites: from.sites}
    const changes = new Map(
      [WEB2, OTHER].map(({at}) => [prefix(`${at}/32`), {after: now.members.get(prefix(`${at}/32`))}]),
    )
    const next = compilePolicy(now, {default: 'allow', previous: first, firstClass: 100, changes})
    assert.deepEqual([markOf(next, WEB), markOf(next, DB)], [web, db])
    assert.notEqual(markOf(next, WEB2), web2)
  })

  it('are all new where a class is split, and never used again', () => {
    const split = policy('q', {types: ['egress'], selector: 'has(extra)', egress: [rule('Deny')]})
    const next = compile(of([WEB, WEB2, DB], [webToDb(), split]), first)
    const old = new Set(first.sets.get('class4')!.elements.values())
    assert.ok(!old.has(markOf(next, WEB)!))
    assert.ok(!old.has(markOf(next, WEB2)!))
    assert.equal(markOf(next, DB), markOf(first, DB))
    const merged = compile(of([WEB, WEB2, DB], [webToDb()]), next)
    assert.notEqual(markOf(merged, WEB), markOf(first, WEB))
    assert.equal(markOf(merged, WEB), markOf(merged, WEB2))
  })
})

describe('what cannot be meant', () => {
  const cases: {name: string; policies: Policy[]; want: string[]}[] = [
    {
      name: 'a selector that does not parse',
      policies: [policy('p', {selector: 'a ='})],
      want: ['selector-invalid selector'],
    },
    {
      name: 'a selector in a rule that does not parse',
      policies: [policy('p', {egress: [rule('Allow'), rule('Allow', {destination: entity({notSelector: '!'})})]})],
      want: ['selector-invalid egress[1].destination.notSelector'],
    },
    {
      name: 'http and services',
      policies: [policy('p', {ingress: [rule('Allow', {http: true, source: entity({services: true})})]})],
      want: ['rule-unsupported ingress[0].http', 'rule-unsupported ingress[0].source.services'],
    },
    {
      name: 'port numbers without a protocol',
      policies: [policy('p', {ingress: [rule('Deny', {...tcp80, protocol: null})]})],
      want: ['rule-unsupported ingress[0].protocol'],
    },
    {
      name: 'policies of hooks that a gateway does not have',
      policies: [policy('p', {doNotTrack: true}), policy('q', {preDnat: true}), policy('r', {applyOnForward: true})],
      want: ['policy-unsupported doNotTrack', 'policy-unsupported preDNAT', 'policy-unsupported applyOnForward'],
    },
  ]
  for (const {name, policies, want} of cases) {
    it(`${name} is a finding with its place`, () => {
      const {findings} = compile(of([WEB], policies))
      assert.deepEqual(
        findings.map(({code, where}) => `${code} ${where.field}`),
        want,
      )
      for (const {where} of findings) assert.match(where.key!, /^GlobalNetworkPolicy [pqr]$/)
    })
  }
})

describe('a policy that passes the bounds', () => {
  const tight = {default: 'allow', firstClass: 1, bounds: {...GATEWAY_BOUNDS, maxPairs: 1}} as const
  const wide = of([WEB, DB, OTHER], [policy('p', {egress: [rule('Allow', tcp80)]})])

  it('leaves the last one in force, with a finding, once', () => {
    const previous = compile(of([WEB, DB], [webToDb()]))
    const kept = compilePolicy(wide, {...tight, previous})
    assert.equal(kept.sets, previous.sets)
    const again = compilePolicy(wide, {...tight, previous: kept})
    assert.deepEqual(
      again.findings.map(({code}) => code),
      ['policy-too-large'],
    )
  })

  it('denies everything where there was none', () => {
    const {sets, chains, findings} = compilePolicy(wide, {...tight, previous: null})
    assert.equal(sets.get('class4')!.elements.size, 0)
    assert.ok(chains.has('judge'))
    assert.equal(findings[0]?.code, 'policy-too-large')
  })
})
