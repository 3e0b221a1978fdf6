import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {World} from '../../../src/model/index.ts'
import {addressNumber, familyOf} from '../../../src/net/index.ts'
import {judge, type Packet} from '../../../src/policy/oracle/index.ts'
import {type AddressGroup, groupAddresses} from '../../../src/policy/proof/address-groups.ts'
import {changedPairs} from '../../../src/policy/proof/difference.ts'
import {enforcedBy} from '../../../src/policy/proof/enforced.ts'
import {comparePolicies, printDifference} from '../../../src/policy/proof/index.ts'
import {holdsPair} from '../../../src/policy/proof/port-space.ts'
import {spaceOf, type TrafficSpace} from '../../../src/policy/proof/traffic-space.ts'
import {parseFlow} from '../../../src/policy/trace/index.ts'
import {packets, policies, seed, verdicts, worlds} from '../random-world.ts'
import {attributes, entity, type Placed, policy, rule, tier, world} from '../worlds.ts'

const numRuns = Number(process.env.RUNS ?? 150)

/** Whether a packet is in a set: ICMP by type and code, what has no ports whole. */
function isIn(traffic: TrafficSpace, {protocol, sourcePort = 0, destinationPort, icmpType, icmpCode}: Packet): boolean {
  const low = destinationPort ?? (icmpType === undefined ? 0 : icmpType * 256 + icmpCode!)
  return holdsPair(spaceOf(traffic, protocol), sourcePort, low)
}

/** Conntrack takes ICMP of the other family for invalid: no policy sees it, and so no class pair speaks of it. */
const isSeen = ({from, protocol}: Packet): boolean => protocol !== (familyOf(from) === 4 ? 58 : 1)

/** Half of the pairs of worlds share their endpoints, as when only a policy changes. */
const pairs: fc.Arbitrary<[World, World]> = fc.oneof(
  fc.tuple(worlds, worlds),
  fc
    .tuple(worlds, policies)
    .map(([before, changed]): [World, World] => [
      before,
      {...before, policies: {tiers: before.policies.tiers, policies: changed}},
    ]),
)

describe(`difference of two policy sets (SEED=${seed} RUNS=${numRuns})`, () => {
  it('holds a flow exactly if the oracle judges it differently', () => {
    let changed = 0
    fc.assert(
      fc.property(
        pairs,
        fc.tuple(verdicts, verdicts),
        fc.array(packets, {minLength: 20, maxLength: 60, size: 'max'}),
        ([before, after], [was, is], flows) => {
          const [old, now] = [enforcedBy({world: before, default: was}), enforcedBy({world: after, default: is})]
          assert.ok(old && now)
          const groups = groupAddresses([old.classified, now.classified])
          const listed = new Map(
            groups.flatMap((group) => group.hosts.map((at) => [at, group.classes.join()] as const)),
          )
          const holds = ({family, classes, runs}: AddressGroup, at: Packet['from']): boolean => {
            if (family !== familyOf(at)) return false
            const number = addressNumber(at)
            return listed.has(at)
              ? listed.get(at) === classes.join()
              : runs.some(({first, last}) => first <= number && number <= last)
          }
          const rows = changedPairs(old, now)
          for (const packet of flows.filter(isSeen).filter(({from, to}) => from !== to)) {
            const [first, then] = [judge(before, was, packet).verdict, judge(after, is, packet).verdict]
            const ways = rows
              .filter(
                ({sources, destinations}) =>
                  sources.some((group) => holds(group, packet.from)) &&
                  destinations.some((group) => holds(group, packet.to)),
              )
              .flatMap(({change}) => (['opens', 'closes'] as const).filter((way) => isIn(change[way], packet)))
            assert.deepEqual(
              ways,
              first === then ? [] : [then === 'allow' ? 'opens' : 'closes'],
              JSON.stringify(packet),
            )
            if (first !== then) changed++
          }
        },
      ),
      {seed, numRuns},
    )
    assert.ok(changed > numRuns, `${changed} changed flows prove little`)
  }).timeout(Math.max(20_000, numRuns * 200))

  it('gives examples that the oracle confirms', () => {
    fc.assert(
      fc.property(pairs, verdicts, ([before, after], standard) => {
        const rows = comparePolicies({world: before, default: standard}, {world: after, default: standard})
        for (const {change, example} of rows ?? []) {
          const parsed = parseFlow(example)
          assert.ok(parsed.ok, JSON.stringify(example))
          const [first, then] = [before, after].map((one) => judge(one, standard, parsed.packet).verdict)
          assert.deepEqual(
            [first, then],
            change === 'opens' ? ['deny', 'allow'] : ['allow', 'deny'],
            JSON.stringify(example),
          )
        }
      }),
      {seed, numRuns: Math.ceil(numRuns / 3)},
    )
  }).timeout(Math.max(20_000, numRuns * 200))

  describe('for people', () => {
    const ends: Placed[] = [
      {at: '10.1.0.0/16', site: 'a', set: attributes('prefix')},
      {at: '10.1.0.5', site: 'a', set: attributes('pod', {labels: {app: 'web'}})},
      {at: '10.1.0.6', site: 'a', set: attributes('pod', {labels: {app: 'web'}})},
      {at: '10.2.0.7', site: 'b', set: attributes('pod', {labels: {app: 'db'}})},
    ]
    const db = (port: number) =>
      policy('db', {
        types: ['ingress'],
        selector: "app == 'db'",
        ingress: [
          rule('Allow', {
            protocol: 6,
            source: entity({selector: "app == 'web'"}),
            destination: entity({ports: {ranges: [{first: port, last: port}], names: []}}),
          }),
        ],
      })
    const set = (port: number) => ({world: world(ends, [tier('default', 1)], [db(port)]), default: 'allow' as const})

    it('says nothing where nothing changes', () => {
      assert.deepEqual(comparePolicies(set(5432), set(5432)), [])
      assert.equal(printDifference([]), '')
    })

    it('names both ends, the traffic and a flow to try', () => {
      assert.equal(
        printDifference(comparePolicies(set(5432), set(5433)) ?? []),
        [
          '+ opens  tcp 5433',
          '    from site a 2 addresses app=web (10.1.0.5, 10.1.0.6)',
          '    to   site b 1 address app=db (10.2.0.7)',
          '    such as 10.1.0.5 → 10.2.0.7 tcp 5433 from port 40000',
          '- closes tcp 5432',
          '    from site a 2 addresses app=web (10.1.0.5, 10.1.0.6)',
          '    to   site b 1 address app=db (10.2.0.7)',
          '    such as 10.1.0.5 → 10.2.0.7 tcp 5432 from port 40000',
          '',
        ].join('\n'),
      )
    })

    it('does not speak of a run whose addresses are all listed', () => {
      const pair = ['10.1.0.4/31', '10.1.0.4', '10.1.0.5'].map(
        (at): Placed => ({
          at,
          site: 'a',
          set: attributes(at.includes('/') ? 'prefix' : 'pod', {labels: {app: at.includes('/') ? 'rest' : 'web'}}),
        }),
      )
      const closed = policy('rest', {types: ['egress'], selector: "app == 'rest'"})
      const before = {world: world(pair, [tier('default', 1)], []), default: 'allow' as const}
      const after = {world: world(pair, [tier('default', 1)], [closed]), default: 'allow' as const}
      assert.deepEqual(comparePolicies(before, after), [])
    })
  })
})
