import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {World} from '../../../src/model/index.ts'
import {familyOf, prefixContainsAddress, prefixFamily} from '../../../src/net/index.ts'
import {judge, type Packet, viewAddress} from '../../../src/policy/oracle/index.ts'
import type {AssertedSide, Assertion} from '../../../src/policy/proof/assertion.ts'
import {parseAssertions, verifyAssertions} from '../../../src/policy/proof/index.ts'
import {parseFlow} from '../../../src/policy/trace/index.ts'
import {evaluateSelector, foldPeer, labelReader} from '../../../src/selectors/index.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'
import {attributes, entity, type Placed, policy, rule, tier, world} from '../worlds.ts'

const numRuns = Number(process.env.RUNS ?? 150)
const one = fc.constantFrom

const sides = fc
  .record({
    site: one(undefined, undefined, 'a', 'b', 'none'),
    notSite: one(undefined, undefined, undefined, 'a', ['a', 'b']),
    selector: one(undefined, undefined, "app == 'x'", 'has(env)', "env != 'y'"),
    notSelector: one(undefined, undefined, undefined, "app == 'x'"),
    nets: one(undefined, undefined, undefined, ['10.1.0.0/24'], ['10.1.0.2', 'fd00:1::/32'], ['0.0.0.0/0']),
    notNets: one(undefined, undefined, undefined, ['10.1.0.0/31']),
  })
  .map((side) => Object.fromEntries(Object.entries(side).filter(([, value]) => value !== undefined)))
const traffic = one<object>(
  {},
  {protocol: 'TCP'},
  {protocol: 'TCP', ports: [80, '50:60']},
  {protocol: 17, ports: [53], sourcePorts: ['1000:65535']},
  {protocol: 'ICMP', icmp: {type: 8}},
  {protocol: 'ICMP', ipVersion: 6},
  {protocol: 47},
)
const assertions = fc
  .record({expect: one('allow', 'deny'), from: sides, to: sides, flows: traffic})
  .map(({expect, from, to, flows}) => ({version: 1, assertions: [{name: 'x', [expect]: {from, to, ...flows}}]}))

/** Read from the words of the reference, not from classes. */
function isAbout(world: World, {from, to, ipVersion, ...flows}: Assertion, packet: Packet): boolean {
  const family = familyOf(packet.from)
  if (ipVersion !== null && ipVersion !== family) return false
  if (packet.from === packet.to || packet.protocol === (family === 4 ? 58 : 1)) return false
  if (!isMeant(world, from, packet.from) || !isMeant(world, to, packet.to)) return false
  if (flows.protocol === null) return true
  if (flows.protocol[family] !== packet.protocol) return false
  const low = packet.destinationPort ?? (packet.icmpType ?? 0) * 256 + (packet.icmpCode ?? 0)
  const isIn = (ranges: Assertion['sourcePorts'], port: number): boolean =>
    ranges.length === 0 || ranges.some(({first, last}) => first <= port && port <= last)
  return isIn(flows.sourcePorts, packet.sourcePort ?? 0) && isIn(flows.destinationPorts, low)
}

function isMeant(world: World, {entity: asked, sites, notSites}: AssertedSide, address: Packet['from']): boolean {
  const {subject, peers} = viewAddress(world, address)
  if (sites && !(subject && sites.includes(subject.site))) return false
  if (notSites && subject && notSites.includes(subject.site)) return false
  const own = (nets: typeof asked.nets) => nets.filter((net) => prefixFamily(net) === familyOf(address))
  const holds = (nets: typeof asked.nets) => own(nets).some((net) => prefixContainsAddress(net, address))
  if (asked.nets.length > 0 && !holds(asked.nets)) return false
  if (asked.notNets.length > 0 && (own(asked.notNets).length === 0 || holds(asked.notNets))) return false
  const folded = foldPeer(asked)
  assert.ok(folded.ok)
  const {positive, negative} = folded
  if (positive && !peers.some(({set}) => evaluateSelector(positive, labelReader(set)))) return false
  return !(negative && peers.some(({set}) => evaluateSelector(negative, labelReader(set))))
}

describe(`verify (SEED=${seed} RUNS=${numRuns})`, () => {
  it('says of no flow what the oracle denies, and its counter-examples are true', () => {
    const seen = {holds: 0, fails: 0, empty: 0, flows: 0}
    fc.assert(
      fc.property(
        worlds,
        verdicts,
        assertions,
        fc.array(packets, {minLength: 30, maxLength: 80, size: 'max'}),
        (world, standard, file, flows) => {
          const {assertions: parsed, problems} = parseAssertions(file)
          assert.deepEqual(problems, [])
          const assertion = parsed[0]!
          const [verified] = verifyAssertions({world, default: standard}, parsed) ?? []
          assert.ok(verified)
          seen[verified.result]++
          const about = flows.filter((packet) => isAbout(world, assertion, packet))
          seen.flows += about.length
          if (verified.result === 'empty') assert.deepEqual(about, [])
          if (verified.result === 'holds') {
            for (const packet of about) {
              assert.equal(judge(world, standard, packet).verdict, assertion.expect, JSON.stringify(packet))
            }
          }
          if (verified.result === 'fails') {
            const {flow, judgement} = verified.counterExample!
            const again = parseFlow(flow)
            assert.ok(again.ok && isAbout(world, assertion, again.packet), JSON.stringify(flow))
            assert.deepEqual(judge(world, standard, again.packet), judgement)
            assert.notEqual(judgement.verdict, assertion.expect)
          }
        },
      ),
      {seed, numRuns},
    )
    assert.ok(Math.min(...Object.values(seen)) > numRuns / 20, JSON.stringify(seen))
  }).timeout(Math.max(20_000, numRuns * 200))

  const ends: Placed[] = [
    {at: '10.1.0.0/16', site: 'a', set: attributes('prefix')},
    {at: '10.1.0.5', site: 'a', set: attributes('pod', {labels: {app: 'web'}})},
    {at: '10.3.0.5', site: 'c', set: attributes('pod', {labels: {app: 'web'}})},
    {at: '10.2.0.7', site: 'b', set: attributes('pod', {labels: {app: 'db'}})},
  ]
  const db = (source: string) =>
    policy('db', {
      types: ['ingress'],
      selector: "app == 'db'",
      ingress: [
        rule('Allow', {
          protocol: 6,
          source: entity({selector: source}),
          destination: entity({ports: {ranges: [{first: 5432, last: 5432}], names: []}}),
        }),
      ],
    })
  const result = (flows: object, source = "app == 'web'") => {
    const {assertions: parsed} = parseAssertions({version: 1, assertions: [{name: 'x', ...flows}]})
    const set = {world: world(ends, [tier('default', 1)], [db(source)]), default: 'allow' as const}
    const [verified] = verifyAssertions(set, parsed) ?? []
    return verified
  }
  const outside = {from: {notSite: 'a'}, to: {selector: "app == 'db'"}, protocol: 'TCP', ports: [5432]}

  it('finds the one that gets in from outside site a, and the rule that lets it', () => {
    const verified = result({deny: outside})
    assert.equal(verified?.result, 'fails')
    assert.equal(verified?.failing, 1)
    assert.deepEqual(verified?.counterExample?.flow, {
      from: '10.3.0.5',
      to: '10.2.0.7',
      protocol: 'tcp',
      port: 5432,
      sourcePort: 40_000,
    })
    assert.equal(verified?.counterExample?.judgement.policy, 'db')
  })

  it('proves that nobody does where the policy says so', () => {
    assert.equal(result({deny: outside}, "app == 'web' && !has(no)")?.result, 'fails')
    assert.equal(result({deny: outside}, "app == 'nobody'")?.result, 'holds')
  })

  it('an assertion about nobody proves nothing', () => {
    const verified = result({deny: {...outside, to: {selector: "app == 'dbb'"}}})
    assert.deepEqual([verified?.result, verified?.why], ['empty', 'no address is meant by `to`'])
    const families = result({deny: {from: {nets: ['fd00::/8']}, to: {nets: ['10.0.0.0/8']}}})
    assert.equal(families?.result, 'empty')
  })

  describe('a file that is wrong is told whole, by path', () => {
    const cases: [string, object, string[]][] = [
      ['no list', {version: 1, assertions: []}, ['assertions: must be a list, not empty']],
      ['another version', {version: 2, assertions: [{name: 'x', deny: {}}]}, ['version: must be 1']],
      [
        'neither deny nor allow, no name, a name twice',
        {version: 1, assertions: [{name: 'x'}, {deny: {}}, {name: 'y', deny: {}}, {name: 'y', allow: {}}]},
        [
          'assertions.0: needs deny or allow, one of them',
          'assertions.1.name: must be a text that says what is asserted',
          'assertions.3.name: "y" is the name of an earlier one',
        ],
      ],
      [
        'ports without a protocol, a range the wrong way round, a net that is none, an unknown field, a selector',
        {
          version: 1,
          assertions: [
            {name: 'a', deny: {ports: [80]}},
            {name: 'b', deny: {protocol: 'TCP', ports: ['90:80', 'http'], to: {nets: ['10.0.0.0/33'], label: 'x'}}},
            {name: 'c', deny: {from: {selector: 'app = x'}}},
          ],
        },
        [
          'assertions.0.deny.ports: needs a protocol',
          'assertions.1.deny.ports.0: "90:80" is no port or range such as 6000:6010',
          'assertions.1.deny.ports.1: "http" is no port or range such as 6000:6010',
          'assertions.1.deny.to.label: unknown; there is selector, notSelector, namespaceSelector, serviceAccounts, nets, notNets, site, notSite',
          'assertions.1.deny.to.nets.0: "10.0.0.0/33" is no address or prefix',
          'assertions.2.deny.from.selector: ',
        ],
      ],
    ]
    for (const [name, file, wanted] of cases) {
      it(name, () => {
        const {assertions: none, problems} = parseAssertions(file)
        assert.deepEqual(none, [])
        const told = problems.map(({path, detail}) => `${path.join('.')}: ${detail}`)
        assert.equal(told.length, wanted.length, told.join('\n'))
        for (const [index, text] of wanted.entries()) assert.ok(told[index]?.startsWith(text), told[index])
      })
    }
  })
})
