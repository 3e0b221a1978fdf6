import assert from 'node:assert/strict'
import {type Flow, parseFlow, trace} from '../../../src/policy/index.ts'
import {attributes, entity, policy, rule, tier, world} from '../worlds.ts'

const FLOW: Flow = {from: '10.1.0.5', to: '10.2.0.7', protocol: 'tcp', port: 5432}

describe('parseFlow', () => {
  const good: [string, Partial<Flow>, object][] = [
    ['a name and a number', {}, {protocol: 6, destinationPort: 5432}],
    ['a protocol by number', {protocol: 6}, {protocol: 6, destinationPort: 5432}],
    [
      'numbers as text, names in any case',
      {protocol: 'UDP', port: '53', sourcePort: '1024'},
      {protocol: 17, destinationPort: 53, sourcePort: 1024},
    ],
  ]
  for (const [name, part, packet] of good) {
    it(`takes ${name}`, () => {
      assert.deepEqual(parseFlow({...FLOW, ...part}), {ok: true, packet: {from: FLOW.from, to: FLOW.to, ...packet}})
    })
  }

  it('takes icmp between IPv6 addresses for ICMPv6', () => {
    const parsed = parseFlow({from: 'FD00:0::1', to: 'fd00::2', protocol: 'icmp', type: 128, code: 0})
    assert.deepEqual(parsed, {
      ok: true,
      packet: {from: 'fd00::1', to: 'fd00::2', protocol: 58, icmpType: 128, icmpCode: 0},
    })
  })

  const bad: [string, Partial<Flow>, keyof Flow][] = [
    ['no address', {from: '10.1.0'}, 'from'],
    ['another family', {to: 'fd00::1'}, 'to'],
    ['an unknown protocol', {protocol: 'constructor'}, 'protocol'],
    ['a protocol over 255', {protocol: 256}, 'protocol'],
    ['a port over 65535', {port: 65536}, 'port'],
    ['ports of ICMP', {protocol: 'icmp'}, 'port'],
    ['a type of TCP', {type: 8}, 'type'],
    ['a fraction', {sourcePort: 1.5}, 'sourcePort'],
  ]
  for (const [name, part, field] of bad) {
    it(`refuses ${name}`, () => {
      const parsed = parseFlow({...FLOW, ...part})
      assert.equal(parsed.ok ? null : parsed.field, field)
    })
  }

  it('refuses TCP without a port', () => {
    const parsed = parseFlow({from: FLOW.from, to: FLOW.to, protocol: 'tcp'})
    assert.equal(parsed.ok ? null : parsed.field, 'port')
  })
})

describe('trace', () => {
  it('answers with the line of formats.md, field by field, and gives the id back', () => {
    const ends = [
      {at: '10.1.0.5', site: 'a', set: attributes('pod')},
      {at: '10.2.0.7', site: 'b', set: attributes('pod', {labels: {app: 'db'}})},
    ]
    const closed = policy('p', {
      tier: 't',
      types: ['ingress'],
      selector: "app == 'db'",
      ingress: [rule('Deny', {source: entity({selector: 'all()'})})],
    })
    const traced = trace(world(ends, [tier('t', 1)], [closed]), 'allow', {...FLOW, id: 7})
    assert.equal(
      JSON.stringify(traced.ok && traced.line),
      '{"id":7,"verdict":"deny","reason":"rule","direction":"ingress","site":"b","kind":"GlobalNetworkPolicy","tier":"t","policy":"p","rule":0}',
    )
  })
})
