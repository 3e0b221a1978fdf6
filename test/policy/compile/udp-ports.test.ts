import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {PortRange} from '../../../src/net/index.ts'
import type {PacketMatch} from '../../../src/policy/compile/packet-match.ts'
import {targetNumbers} from '../../../src/policy/compile/target-numbers.ts'
import {udpPortsOf} from '../../../src/policy/compile/udp-ports.ts'
import type {ChainRule, VerdictChain} from '../../../src/policy/compile/verdict-chains.ts'

const ANY: PacketMatch = {protocol: null, notProtocols: [], sourcePorts: null, destinationPorts: null}
const udp = (first: number, last = first): PacketMatch => ({...ANY, protocol: 17, destinationPorts: {first, last}})
const chain = (name: string, rules: readonly ChainRule[], otherwise = 'deny_ingress_a'): VerdictChain => ({
  ...{name, rules, otherwise},
})

/** Ports by the name of the chain. */
function portsOf(...chains: VerdictChain[]): Record<string, readonly PortRange[]> {
  const targets = targetNumbers(null)
  for (const [index, {name}] of chains.entries()) targets.numbers.set(name, 0x80000004 + index)
  const ports = udpPortsOf({chains}, targets)
  return Object.fromEntries(
    chains.flatMap(({name}) => {
      const own = ports.get(targets.numbers.get(name)!)
      return own ? [[name, own]] : []
    }),
  )
}

describe('ports that targets allow', () => {
  const cases: readonly [string, readonly ChainRule[], string, readonly (readonly [number, number])[]][] = [
    ['one port', [{match: udp(53), target: 'allowed'}], 'deny_ingress_a', [[53, 53]]],
    ['none', [{match: udp(53), target: 'deny_ingress_a'}], 'deny_ingress_b', []],
    [
      'all but one',
      [{match: udp(53), target: 'deny_ingress_a'}],
      'allowed',
      [
        [0, 52],
        [54, 65_535],
      ],
    ],
    [
      'the first rule that matches',
      [
        {match: udp(50, 60), target: 'deny_ingress_a'},
        {match: udp(53, 70), target: 'allowed'},
      ],
      'deny_ingress_a',
      [[61, 70]],
    ],
    [
      'what is of TCP is not asked',
      [{match: {...udp(53), protocol: 6}, target: 'deny_ingress_a'}],
      'allowed',
      [[0, 65_535]],
    ],
    ['any protocol but UDP', [{match: {...ANY, notProtocols: [17]}, target: 'allowed'}], 'deny_ingress_a', []],
    [
      'any protocol but TCP',
      [{match: {...ANY, notProtocols: [6]}, target: 'allowed'}],
      'deny_ingress_a',
      [[0, 65_535]],
    ],
    [
      'from a certain port it is not known',
      [{match: {...udp(53), sourcePorts: {first: 53, last: 53}}, target: 'allowed'}],
      'allowed',
      [
        [0, 52],
        [54, 65_535],
      ],
    ],
    [
      'what is told of in a log is left to the rules',
      [
        {match: udp(53), log: {name: 'log_1', prefix: 'x'}},
        {match: udp(50, 60), target: 'allowed'},
      ],
      'deny_ingress_a',
      [
        [50, 52],
        [54, 60],
      ],
    ],
    [
      'ranges that touch are one',
      [
        {match: udp(50, 60), target: 'allowed'},
        {match: udp(61, 70), target: 'allowed'},
      ],
      'deny_ingress_a',
      [[50, 70]],
    ],
    [
      'no more than eight',
      Array.from({length: 10}, (_, n): ChainRule => ({match: udp(10 * n), target: 'allowed'})),
      'deny_ingress_a',
      Array.from({length: 8}, (_, n) => [10 * n, 10 * n] as const),
    ],
  ]
  for (const [title, rules, otherwise, expected] of cases) {
    it(title, () => {
      const ranges = expected.map(([first, last]) => ({first, last}))
      assert.deepEqual(portsOf(chain('v_1', rules, otherwise)), ranges.length > 0 ? {v_1: ranges} : {})
    })
  }

  it('follows chains that lead on', () => {
    const ends = chain('v_2', [{match: udp(50, 55), target: 'allowed'}])
    const leads = chain('v_1', [{match: udp(53), target: 'deny_egress_a'}], 'v_2')
    assert.deepEqual(portsOf(leads, ends).v_1, [
      {first: 50, last: 52},
      {first: 54, last: 55},
    ])
  })

  it('gives the same object where nothing has changed', () => {
    const targets = targetNumbers(null)
    targets.numbers.set('v_1', 0x80000004)
    const chains = [chain('v_1', [{match: udp(53), target: 'allowed'}])]
    const first = udpPortsOf({chains}, targets)
    assert.equal(udpPortsOf({chains}, targets, first), first)
    const others = [chain('v_1', [{match: udp(54), target: 'allowed'}])]
    assert.notEqual(udpPortsOf({chains: others}, targets, first), first)
  })

  it('allows no port from any source that a packet by packet look does not', () => {
    const range = fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => ({first: Math.min(a, b), last: Math.max(a, b)}))
    const match = fc.record({
      protocol: fc.constantFrom(null, 17, 6),
      notProtocols: fc.constantFrom([], [17], [6]),
      sourcePorts: fc.option(range),
      destinationPorts: fc.option(range),
    })
    const rule = fc.record({match, target: fc.constantFrom('allowed', 'deny_ingress_a', 'v_2')})
    fc.assert(
      fc.property(fc.array(rule), fc.array(rule), (first, second) => {
        const inner = chain(
          'v_2',
          second.map((one) => ({...one, target: one.target === 'v_2' ? 'allowed' : one.target})),
        )
        const chains = [chain('v_1', first), inner]
        const verdict = (name: string, source: number, port: number): string => {
          const {rules, otherwise} = chains.find((one) => one.name === name)!
          const isIn = (range: PortRange | null, at: number): boolean =>
            !range || (range.first <= at && at <= range.last)
          const met = rules.find(
            ({match: {protocol, notProtocols, sourcePorts, destinationPorts}}) =>
              (protocol ?? 17) === 17 &&
              !notProtocols.includes(17) &&
              isIn(sourcePorts, source) &&
              isIn(destinationPorts, port),
          )
          const target = met?.target ?? otherwise
          return target === 'v_2' ? verdict('v_2', source, port) : target
        }
        const asked = first.some(({match}) => match.sourcePorts) || second.some(({match}) => match.sourcePorts)
        const ports = portsOf(...chains).v_1 ?? []
        for (let port = 0; port < 10; port++) {
          const says = ports.some(({first, last}) => first <= port && port <= last)
          const verdicts = Array.from({length: 10}, (_, source) => verdict('v_1', source, port))
          if (says) assert.ok(verdicts.every((one) => one === 'allowed'))
          if (!asked) assert.equal(says, verdicts[0] === 'allowed')
        }
      }),
    )
  })
})
