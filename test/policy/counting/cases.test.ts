import assert from 'node:assert/strict'
import type {Policy, Rule} from '../../../src/model/index.ts'
import {compilePolicy} from '../../../src/policy/compile/index.ts'
import {type Attribution, attributor, createPolicyTotals} from '../../../src/policy/counting/index.ts'
import type {Packet} from '../../../src/policy/oracle/index.ts'
import {address, attributes, entity, policy, rule, tier, world} from '../worlds.ts'
import {elementOf} from './judged-elements.ts'

const TCP: Packet = {from: address('10.1.0.5'), to: address('10.2.0.7'), protocol: 6, destinationPort: 80}
const from53 = {protocol: 6, source: entity({ports: {ranges: [{first: 53, last: 53}], names: []}})}
const not53 = {protocol: 6, source: entity({notPorts: {ranges: [{first: 53, last: 53}], names: []}})}

const known = (policies: readonly Policy[], staged: readonly Policy[] = []) => {
  const pods = [
    {at: '10.1.0.5', site: 'a', set: attributes('pod', {labels: {app: 'x'}})},
    {at: '10.2.0.7', site: 'b', set: attributes('pod', {labels: {app: 'y'}})},
    {at: 'fd00:1::5', site: 'a', set: attributes('pod', {labels: {app: 'x'}})},
  ]
  const tiers = [tier('first', 1, 'Pass'), tier('default', 2)]
  const compiled = compilePolicy(
    {...world(pods, tiers, policies), staged},
    {
      ...{default: 'deny', previous: null, firstClass: 7},
    },
  )
  return {compiled, attribute: attributor(compiled)}
}

const ask = (policies: readonly Policy[], packet: Packet = TCP, staged: readonly Policy[] = []): Attribution => {
  const {compiled, attribute} = known(policies, staged)
  return attribute(elementOf(compiled, packet)) ?? assert.fail('numbers that nobody knows')
}

/** One line a direction: who decided what. */
const said = ({decided}: Attribution): string[] =>
  decided.map(({direction, tier, policy, rule, reason, action}) =>
    [direction, tier, policy, rule, reason, action].map((part) => part ?? '-').join(' '),
  )

const egress = (name: string, rules: readonly Rule[], part: Partial<Policy> = {}): Policy =>
  policy(name, {selector: "app == 'x'", types: ['egress'], egress: rules, ...part})
const ingress = (name: string, rules: readonly Rule[], part: Partial<Policy> = {}): Policy =>
  policy(name, {selector: "app == 'y'", types: ['ingress'], ingress: rules, ...part})
const staged = (one: Policy): Policy => ({...one, kind: 'StagedGlobalNetworkPolicy'})

describe('who decided a judged packet', () => {
  const open = egress('open', [rule('Allow')])
  const cases: readonly [string, readonly Policy[], readonly string[]][] = [
    [
      'is told for both directions where it is allowed',
      [open, ingress('in', [rule('Deny', {protocol: 17}), rule('Allow')])],
      ['egress default open 0 rule allow', 'ingress default in 1 rule allow'],
    ],
    [
      'a packet that egress denies never gets to ingress',
      [egress('shut', [rule('Deny')]), ingress('in', [rule('Allow')])],
      ['egress default shut 0 rule deny'],
    ],
    [
      'ends of tiers and the default are deciders of their own',
      [egress('some', [rule('Allow', {protocol: 17})])],
      ['egress default - - tier deny'],
    ],
    ['what no policy governs is the default', [ingress('in', [rule('Allow')])], ['egress - - - default deny']],
    [
      'a rule that asks for the source port makes it depend',
      [open, ingress('in', [rule('Allow', from53), rule('Deny')])],
      ['egress default open 0 rule allow', 'ingress default in - depends depends'],
    ],
    [
      'it depends also where the question is negated',
      [open, ingress('in', [rule('Deny', not53), rule('Allow')])],
      ['egress default open 0 rule allow', 'ingress default in - depends depends'],
    ],
    [
      'what it does is known where it is the same by any source port',
      [open, ingress('in', [rule('Allow', from53), rule('Allow')])],
      ['egress default open 0 rule allow', 'ingress default in - depends allow'],
    ],
    [
      'an end of a tier behind it counts as one of the ways',
      [open, ingress('in', [rule('Deny', from53)])],
      ['egress default open 0 rule allow', 'ingress default in - depends deny'],
    ],
    [
      'a Pass by source port may go on to the next tier',
      [open, ingress('p', [rule('Pass', from53), rule('Deny')], {tier: 'first'}), ingress('in', [rule('Allow')])],
      ['egress default open 0 rule allow', 'ingress first p - depends depends'],
    ],
    [
      'a Pass by source port out of the last tier comes to the default',
      [open, ingress('in', [rule('Pass', from53), rule('Allow')])],
      ['egress default open 0 rule allow', 'ingress default in - depends depends'],
    ],
    [
      'where egress depends and may deny, nobody knows whether it got to ingress',
      [egress('out', [rule('Allow', from53), rule('Deny')]), ingress('in', [rule('Allow')])],
      ['egress default out - depends depends'],
    ],
    [
      'an earlier rule that decides makes source ports behind it irrelevant',
      [open, ingress('in', [rule('Allow', {protocol: 6}), rule('Deny', from53)])],
      ['egress default open 0 rule allow', 'ingress default in 0 rule allow'],
    ],
    [
      'source ports of another protocol are no question here',
      [open, ingress('in', [rule('Deny', {...from53, protocol: 17}), rule('Allow')])],
      ['egress default open 0 rule allow', 'ingress default in 1 rule allow'],
    ],
    [
      'a named source port that the source does not have matches nothing',
      [
        open,
        ingress('in', [
          rule('Deny', {protocol: 6, source: entity({ports: {ranges: [], names: ['web']}})}),
          rule('Allow'),
        ]),
      ],
      ['egress default open 0 rule allow', 'ingress default in 1 rule allow'],
    ],
  ]
  for (const [name, policies, expected] of cases) {
    it(name, () => assert.deepEqual(said(ask(policies)), expected))
  }

  const passes: readonly [string, readonly Policy[], readonly string[]][] = [
    [
      'Pass and Log that match are told where they stand, and decide nothing',
      [
        egress('p', [rule('Log'), rule('Pass', {protocol: 17}), rule('Pass'), rule('Log')], {tier: 'first'}),
        open,
        ingress('in', [rule('Log', {protocol: 6}), rule('Allow'), rule('Log')]),
      ],
      ['egress first p 0 log', 'egress first p 2 pass', 'ingress default in 0 log'],
    ],
    [
      'what egress denies comes to no rule of ingress',
      [egress('shut', [rule('Log'), rule('Deny')]), ingress('in', [rule('Log'), rule('Allow')])],
      ['egress default shut 0 log'],
    ],
    [
      'one that asks for the source port is not told, a Log one changes nothing behind it',
      [open, ingress('in', [rule('Log', from53), rule('Log'), rule('Allow')])],
      ['ingress default in 1 log'],
    ],
    [
      'nor is what stands behind a rule that decides or not by the source port; what stands before it is',
      [open, ingress('in', [rule('Log'), rule('Allow', from53), rule('Log'), rule('Pass')])],
      ['ingress default in 0 log'],
    ],
    [
      'a Pass by source port is not told',
      [open, ingress('p', [rule('Pass', from53)], {tier: 'first'}), ingress('in', [rule('Log'), rule('Allow')])],
      [],
    ],
  ]
  for (const [name, policies, expected] of passes) {
    it(name, () => {
      const {met} = ask(policies)
      assert.deepEqual(
        met.map(({direction, tier, policy, rule, action}) => [direction, tier, policy, rule, action].join(' ')),
        expected,
      )
    })
  }

  it('a Log rule by source port leaves the decision as it is', () => {
    const {decided} = ask([open, ingress('in', [rule('Log', from53), rule('Allow')])])
    assert.deepEqual(decided.at(-1), {...decided.at(-1), rule: 1, reason: 'rule', action: 'allow'})
  })

  it('ICMP is counted by type and code', () => {
    const icmp = {from: TCP.from, to: TCP.to, protocol: 1}
    const policies = [egress('ping', [rule('Allow', {protocol: 1, icmp: {type: 8, code: 0}}), rule('Deny')])]
    assert.match(said(ask(policies, {...icmp, icmpType: 8, icmpCode: 0}))[0]!, /ping 0 rule allow/)
    assert.match(said(ask(policies, {...icmp, icmpType: 13, icmpCode: 1}))[0]!, /ping 1 rule deny/)
  })

  it('class 0 is what no map holds: of the family of the other end, and nobody where both are', () => {
    const outside = address('198.51.100.1')
    assert.deepEqual(said(ask([open], {...TCP, to: outside})), ['egress default open 0 rule allow'])
    const six = {...TCP, from: address('fd00:1::5'), to: address('2001:db8::1')}
    assert.deepEqual(said(ask([egress('six', [rule('Allow', {ipVersion: 6})])], six)), [
      'egress default six 0 rule allow',
    ])
    assert.deepEqual(said(ask([open], {...TCP, from: outside, to: outside})), ['- - - - unowned deny'])
  })

  it('numbers that nobody knows are unknown, and so are two ends of different families', () => {
    const {compiled, attribute} = known([open])
    const element = elementOf(compiled, TCP)
    const six = elementOf(compiled, {...TCP, to: address('fd00:1::5')})
    assert.equal(attribute({...element, source: 0x70000000}), null)
    assert.equal(attribute({...element, destination: six.destination}), null)
  })
})

describe('totals of policies', () => {
  it('flows are packets of fresh elements; packets and bytes are of all; unknown and beyond by themselves', () => {
    const {compiled, attribute} = known([egress('shut', [rule('Deny')])])
    const totals = createPolicyTotals()
    for (const part of [
      {fresh: true, packets: 3, bytes: 300},
      {fresh: false, packets: 2, bytes: 80},
    ]) {
      const element = elementOf(compiled, TCP, part)
      totals.add(element, attribute(element))
      totals.add(element, null)
    }
    totals.addBeyond(4)
    assert.deepEqual(
      totals.rules().map(({flows, packets, bytes}) => ({flows, packets, bytes})),
      [{flows: 3, packets: 5, bytes: 380}],
    )
    assert.deepEqual([totals.unknown(), totals.beyond()], [{flows: 3, packets: 5, bytes: 380}, 4])
  })
})

describe('what a staged policy would change', () => {
  const open = [egress('open', [rule('Allow')]), ingress('in', [rule('Allow')])]
  const shut = [egress('shut', [rule('Deny')]), ingress('in', [rule('Allow')])]
  const cases: readonly [string, readonly Policy[], readonly Policy[], readonly string[]][] = [
    ['nothing where it decides alike', open, [egress('s', [rule('Allow')], {order: 1})], []],
    [
      'a rule of it that comes first denies',
      open,
      [egress('s', [rule('Deny')], {order: 1})],
      ['egress default s deny'],
    ],
    ['nothing where it comes too late', open, [egress('z', [rule('Deny')], {order: 9, keyName: 'z'})], []],
    [
      'a rule of it allows what was denied',
      shut,
      [egress('s', [rule('Allow')], {order: 1})],
      ['egress default s allow'],
    ],
    [
      'one in the place of one in force: its absence',
      shut,
      [egress('shut', [rule('Deny', {protocol: 17})]), egress('t', [rule('Allow')], {tier: 'first'})],
      ['egress first t allow'],
    ],
    [
      'a deletion of the only one: the default then denies',
      open,
      [egress('open', [], {stagedAction: 'Delete', selector: '', egress: []})],
      ['egress default open deny'],
    ],
    [
      'a deletion of what denied, with another behind it that allows',
      [...shut, egress('late', [rule('Allow')], {order: 9})],
      [egress('shut', [], {stagedAction: 'Delete', selector: ''})],
      ['egress default shut allow'],
    ],
    ['a Pass of it leads out of the tier', open, [egress('s', [rule('Pass')], {order: 1})], ['egress default s deny']],
    [
      'its presence makes the end of a tier deny',
      [egress('open', [rule('Allow')], {tier: 'other'}), ingress('in', [rule('Allow')])],
      [egress('s', [rule('Allow', {protocol: 17})])],
      ['egress default s deny'],
    ],
    [
      'both directions, where both deny now',
      [egress('shut', [rule('Deny')]), ingress('in', [rule('Deny')])],
      [egress('s', [rule('Allow')], {order: 1}), ingress('t', [rule('Allow')], {order: 1})],
      ['egress default s allow', 'ingress default t allow'],
    ],
    [
      'nothing where the other direction denies all the same',
      [egress('shut', [rule('Deny')]), ingress('in', [rule('Deny')])],
      [egress('s', [rule('Allow')], {order: 1})],
      [],
    ],
    ['nothing is known where the source port decides', open, [egress('s', [rule('Deny', from53)], {order: 1})], []],
    ['one that is to be ignored is', open, [egress('s', [rule('Deny')], {order: 1, stagedAction: 'Ignore'})], []],
  ]
  for (const [name, inForce, ones, expected] of cases) {
    it(name, () => {
      const {changes} = ask(
        inForce.map((one) => ({...one, order: one.order ?? 5})),
        TCP,
        ones.map(staged),
      )
      assert.deepEqual(
        changes.map(({direction, tier, policy, would}) => `${direction} ${tier} ${policy} ${would}`),
        expected,
      )
    })
  }
})
