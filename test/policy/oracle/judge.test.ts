import assert from 'node:assert/strict'
import {judge} from '../../../src/policy/oracle/index.ts'
import {attributes, entity, policy, rule, tier, world} from '../worlds.ts'
import {ALLOW, type Case, DENY, from, ingress, judged, PASS, PLACES, tcp, to, web} from './cases.ts'

const CASES: Case[] = [
  {
    name: 'no policy: the default',
    policies: [],
    default: 'allow',
    want: {verdict: 'allow', reason: 'default', direction: 'ingress', site: 'b'},
  },
  {
    name: 'no policy: the first refusing direction',
    policies: [],
    want: {verdict: 'deny', reason: 'default', direction: 'egress', site: 'a'},
  },
  {
    name: 'both ends unowned',
    policies: [],
    default: 'allow',
    packet: tcp(1, {...from('192.0.2.1'), ...to('192.0.2.2')}),
    want: {verdict: 'deny', reason: 'unowned', direction: null, site: null},
  },
  {
    name: 'source unowned: ingress alone decides',
    policies: [],
    default: 'allow',
    packet: tcp(1, from('192.0.2.1')),
    want: {verdict: 'allow', direction: 'ingress'},
  },
  {
    name: 'destination unowned: egress alone decides',
    policies: [],
    default: 'allow',
    packet: tcp(1, to('192.0.2.1')),
    want: {verdict: 'allow', direction: 'egress'},
  },
  {
    name: 'a rule decides',
    policies: [ingress('p', [DENY])],
    want: {
      verdict: 'deny',
      reason: 'rule',
      direction: 'ingress',
      site: 'b',
      kind: 'GlobalNetworkPolicy',
      tier: 'default',
      policy: 'p',
      rule: 0,
    },
  },
  {
    name: 'no rule matches: the tier denies',
    policies: [ingress('p', [])],
    want: {verdict: 'deny', reason: 'tier', tier: 'default', policy: null},
  },
  {
    name: 'a tier whose default is Pass goes on',
    tiers: [tier('default', 1, 'Pass')],
    policies: [ingress('p', [])],
    want: {verdict: 'allow', reason: 'default'},
  },
  {
    name: 'a tier that selects nobody is skipped',
    policies: [ingress('p', [DENY], {selector: "app == 'x'"})],
    want: {verdict: 'allow', reason: 'default'},
  },
  {
    name: 'rules of a direction not in types are ignored',
    policies: [ingress('p', [DENY], {types: ['egress'], selector: "app == 'db'"})],
    want: {verdict: 'allow'},
  },
  {
    name: 'egress is checked first',
    policies: [policy('p', {ingress: [DENY], egress: [DENY]})],
    want: {direction: 'egress', site: 'a', verdict: 'deny'},
  },
  {
    name: 'Pass leaves the tier',
    tiers: [tier('t1', 1), tier('t2', 2)],
    policies: [ingress('p', [PASS, DENY], {tier: 't1'}), ingress('q', [ALLOW], {tier: 't2'})],
    want: {verdict: 'allow', tier: 't2'},
  },
  {
    name: 'Pass in the last tier gives the default',
    policies: [ingress('p', [PASS])],
    want: {verdict: 'allow', reason: 'default'},
  },
  {name: 'Log decides nothing', policies: [ingress('p', [rule('Log'), DENY])], want: {verdict: 'deny', rule: 1}},
  {
    name: 'tiers by order',
    tiers: [tier('a', 2), tier('b', 1)],
    policies: [ingress('p', [DENY], {tier: 'a'}), ingress('q', [ALLOW], {tier: 'b'})],
    want: {tier: 'b'},
  },
  {
    name: 'tiers without order last, then by name',
    tiers: [tier('a', null), tier('c', 9), tier('b', null)],
    policies: [ingress('p', [DENY], {tier: 'a'}), ingress('q', [ALLOW], {tier: 'c'})],
    want: {tier: 'c'},
  },
  {
    name: 'tiers without order by name',
    tiers: [tier('b', null), tier('a', null)],
    policies: [ingress('p', [ALLOW], {tier: 'a'}), ingress('q', [DENY], {tier: 'b'})],
    want: {tier: 'a'},
  },
  {
    name: 'tiers of one order by name, byte by byte',
    tiers: [tier('a', 1), tier('B', 1)],
    policies: [ingress('p', [DENY], {tier: 'a'}), ingress('q', [ALLOW], {tier: 'B'})],
    want: {tier: 'B'},
  },
  {
    name: 'of tiers that nobody stored the first by name',
    policies: [ingress('p', [DENY], {tier: 'y'}), ingress('q', [ALLOW], {tier: 'x'})],
    want: {tier: 'x'},
  },
  {
    name: 'a tier that nobody stored comes last',
    tiers: [tier('z', null)],
    policies: [ingress('p', [DENY], {tier: 'a'}), ingress('q', [ALLOW], {tier: 'z'})],
    want: {tier: 'z'},
  },
  {
    name: 'a tier that nobody stored denies',
    tiers: [],
    policies: [ingress('p', [], {tier: 'a'})],
    want: {reason: 'tier', tier: 'a'},
  },
  {
    name: 'policies by order',
    policies: [ingress('p', [DENY], {order: 2}), ingress('q', [ALLOW], {order: -1.5})],
    want: {policy: 'q'},
  },
  {
    name: 'policies without order last',
    policies: [ingress('p', [DENY]), ingress('q', [ALLOW], {order: 1e9})],
    want: {policy: 'q'},
  },
  {
    name: 'ties by the name of the key',
    policies: [ingress('b', [DENY], {order: 1}), ingress('c', [ALLOW], {order: 1, keyName: 'a'})],
    want: {policy: 'c'},
  },
  {
    name: 'policies of one order by name',
    policies: [ingress('b', [DENY], {order: 1}), ingress('a', [ALLOW], {order: 1})],
    want: {policy: 'a'},
  },
  {
    name: 'policies without order by name',
    policies: [ingress('b', [DENY]), ingress('a', [ALLOW])],
    want: {policy: 'a'},
  },
  {
    name: 'a tier of staged policies alone is skipped',
    policies: [ingress('p', [], {kind: 'StagedGlobalNetworkPolicy'})],
    want: {verdict: 'allow', reason: 'default'},
  },
  {
    name: 'each direction is judged on its own',
    policies: [policy('p', {egress: [ALLOW], types: ['egress']}), ingress('q', [DENY])],
    want: {verdict: 'deny', direction: 'ingress', policy: 'q'},
  },
  {
    name: 'staged is absent',
    policies: [ingress('p', [DENY], {kind: 'StagedGlobalNetworkPolicy'})],
    want: {verdict: 'allow'},
  },
  {name: 'doNotTrack is absent', policies: [ingress('p', [DENY], {doNotTrack: true})], want: {verdict: 'allow'}},
  {name: 'preDNAT is absent', policies: [ingress('p', [DENY], {preDnat: true})], want: {verdict: 'allow'}},
  {
    name: 'namespaceSelector of a policy',
    policies: [policy('p', {types: ['egress'], egress: [DENY], namespaceSelector: "env == 'prod'"})],
    want: {direction: 'egress', verdict: 'deny'},
  },
  {
    name: 'serviceAccountSelector of a policy',
    policies: [policy('p', {types: ['egress'], egress: [DENY], serviceAccountSelector: "role == 'q'"})],
    want: {verdict: 'allow'},
  },
  {
    name: 'a policy whose selector cannot be read is absent',
    policies: [ingress('p', [DENY], {selector: 'app ='})],
    want: {verdict: 'allow'},
  },
  {
    name: 'a policy that was refused denies, whatever its rules',
    policies: [ingress('p', [ALLOW], {refused: true})],
    want: {verdict: 'deny', reason: 'rule', policy: 'p', rule: null},
  },
  {
    name: 'a policy that was refused denies what it selects and nothing else',
    policies: [ingress('p', [], {refused: true, selector: "app == 'web'"}), ingress('q', [ALLOW])],
    want: {verdict: 'allow', policy: 'q'},
  },
  {
    name: 'a policy whose rule cannot be read denies',
    policies: [ingress('p', [ALLOW, rule('Allow', {source: entity({selector: 'app ='})})])],
    want: {verdict: 'deny', policy: 'p', rule: null},
  },
  {
    name: 'a prefix is a subject',
    policies: [ingress('p', [DENY], {selector: "role == 'rack'"})],
    packet: tcp(1, to('10.2.9.9')),
    want: {verdict: 'deny', policy: 'p'},
  },
  {
    name: 'not where a pod holds the address',
    policies: [ingress('p', [DENY], {selector: "role == 'rack'"})],
    want: {verdict: 'allow'},
  },
  {
    name: 'a host is a subject',
    policies: [ingress('p', [DENY], {selector: "app == 'node'"})],
    packet: tcp(1, to('10.2.0.8')),
    want: {verdict: 'deny'},
  },
  {name: 'a set is no subject', policies: [ingress('p', [DENY], {selector: 'has(group)'})], want: {verdict: 'allow'}},
]

describe('judge', () => {
  judged(CASES)

  it('of two endpoints with one address the latest counts, as subject and as peer', () => {
    const twice = [...PLACES, {at: '10.2.0.7/32', site: 'b', set: web, modRevision: 9}]
    const denied = judge(world(twice, [tier('default', 1)], [ingress('p', [DENY])]), 'allow', tcp(1))
    assert.equal(denied.verdict, 'allow')
  })

  it('the longest owned prefix counts', () => {
    const rack = attributes('prefix', {labels: {role: 'inner'}})
    const nested = [...PLACES, {at: '10.2.9.0/24', site: 'b', set: rack}]
    const found = judge(
      world(nested, [tier('default', 1)], [ingress('p', [DENY], {selector: "role == 'rack'"})]),
      'allow',
      tcp(1, to('10.2.9.9')),
    )
    assert.equal(found.verdict, 'allow')
  })
})
