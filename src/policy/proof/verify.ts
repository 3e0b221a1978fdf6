import type {Prefix} from '../../net/index.ts'
import {prefixFamily} from '../../net/index.ts'
import {foldPeer, type Selector} from '../../selectors/index.ts'
import type {AddressClass, Catalog, PeerCondition} from '../classes/index.ts'
import type {Target} from '../compile/index.ts'
import type {Judgement} from '../oracle/index.ts'
import {type Flow, prepareTracer, type Tracer} from '../trace/index.ts'
import {type AddressGroup, groupAddresses} from './address-groups.ts'
import {type AssertedSide, type Assertion, familiesOf} from './assertion.ts'
import {namesOf, sampleAddress} from './describe-group.ts'
import {type Enforced, enforcedBy, type PolicySet} from './enforced.ts'
import {boxSpace, NO_SPACE, unite} from './port-space.ts'
import {flowOf, packetOf} from './sample-flow.ts'
import {
  ALL_TRAFFIC,
  intersectTraffic,
  isNoTraffic,
  samplePacket,
  seenTraffic,
  subtractTraffic,
  type TrafficRow,
  type TrafficSpace,
  trafficRows,
} from './traffic-space.ts'

export interface Verified {
  readonly name: string
  /** `empty`: it speaks of no flow at all, so that it proves nothing; `why` says which part means nothing. */
  readonly result: 'holds' | 'fails' | 'empty'
  readonly expect: Assertion['expect']
  /** Pairs of classes that it is about, and those of them where it does not hold. */
  readonly pairs: number
  readonly failing: number
  readonly why: string | null
  readonly counterExample: CounterExample | null
}

/** One flow that an assertion says cannot be, with what decides it. */
export interface CounterExample {
  readonly flow: Flow
  readonly fromNames: readonly string[]
  readonly toNames: readonly string[]
  readonly judgement: Judgement
  /** All traffic between these two that is against the assertion. */
  readonly traffic: readonly TrafficRow[]
}

/**
 * Proves assertions over all addresses, or shows a flow for which they do not hold; null where the policy is too large.
 *
 * What an assertion asks of addresses is put into the catalog as further conditions, so that every class is wholly in it
 * or wholly outside; then each pair of classes is one question about sets of traffic. A flow of an address with itself
 * is none that a gateway could see.
 */
export function verifyAssertions(set: PolicySet, assertions: readonly Assertion[]): Verified[] | null {
  const asked: (number | null)[] = []
  const refine = (catalog: Catalog): Catalog => {
    const extended = extend(catalog)
    for (const {from, to} of assertions) asked.push(extended.ask(from), extended.ask(to))
    return extended.catalog
  }
  const enforced = enforcedBy(set, refine)
  if (!enforced) return null
  const groups = groupAddresses([enforced.classified])
  let tracer: Tracer | null = null
  const judge: Tracer['judge'] = (packet) => {
    tracer ??= prepareTracer(set.world, set.default)
    return tracer.judge(packet)
  }
  return assertions.map((assertion, index) =>
    verify({set, enforced, groups, judge}, assertion, asked[2 * index]!, asked[2 * index + 1]!),
  )
}

interface Subject {
  readonly set: PolicySet
  readonly enforced: Enforced
  readonly groups: readonly AddressGroup[]
  readonly judge: Tracer['judge']
}

function verify(subject: Subject, assertion: Assertion, from: number | null, to: number | null): Verified {
  const {enforced, groups} = subject
  const {name, expect} = assertion
  const classOf = (group: AddressGroup): AddressClass => enforced.classified.classes[group.classes[0]!]!
  const meant = (side: AssertedSide, condition: number | null): AddressGroup[] =>
    groups.filter((group) => isMeant(classOf(group), side, condition))
  const [sources, destinations] = [meant(assertion.from, from), meant(assertion.to, to)]
  const said = {name, expect, pairs: 0, failing: 0, why: null, counterExample: null}
  if (sources.length === 0) return {...said, result: 'empty', why: 'no address is meant by `from`'}
  if (destinations.length === 0) return {...said, result: 'empty', why: 'no address is meant by `to`'}

  let [pairs, failing] = [0, 0]
  let counterExample: CounterExample | null = null
  for (const family of familiesOf(assertion)) {
    const traffic = assertedTraffic(assertion, family)
    if (!traffic) continue
    const against = memo((target) => {
      const allowed = seenTraffic(enforced.allowedBy(target), family)
      return expect === 'deny' ? intersectTraffic(traffic, allowed) : subtractTraffic(traffic, allowed)
    })
    const ofFamily = (group: AddressGroup): boolean => group.family === family
    for (const source of sources.filter(ofFamily)) {
      for (const destination of destinations.filter(ofFamily)) {
        if (source === destination && source.size === 1n) continue
        pairs++
        const wrong = against(enforced.targetOf(source.classes[0]!, destination.classes[0]!))
        if (isNoTraffic(wrong)) continue
        failing++
        counterExample ??= exampleOf(subject, source, destination, wrong, family)
      }
    }
  }
  if (pairs === 0)
    return {...said, result: 'empty', why: '`from` and `to` have no flow between them: no pair of one IP version'}
  return {...said, pairs, failing, counterExample, result: failing === 0 ? 'holds' : 'fails'}
}

function exampleOf(
  {set, judge}: Subject,
  source: AddressGroup,
  destination: AddressGroup,
  wrong: TrafficSpace,
  family: 4 | 6,
): CounterExample {
  const from = sampleAddress(source)!
  const to = sampleAddress(destination, from)
  // Both groups may be of two addresses that share one: there is another of the sources then.
  const [sender, receiver] = to === null ? [sampleAddress(source, sampleAddress(destination))!, from] : [from, to]
  const packet = samplePacket(wrong, family)!
  return {
    flow: flowOf(sender, receiver, packet),
    fromNames: namesOf(sender, [set.world]),
    toNames: namesOf(receiver, [set.world]),
    judgement: judge(packetOf(sender, receiver, packet)),
    traffic: trafficRows(wrong),
  }
}

function isMeant({site, conditions}: AddressClass, side: AssertedSide, condition: number | null): boolean {
  if (side.sites && (site === null || !side.sites.includes(site))) return false
  if (side.notSites && site !== null && side.notSites.includes(site)) return false
  return condition === null || conditions.includes(condition)
}

/** null: no such packet is seen in this family (ICMP of the other one). */
function assertedTraffic({protocol, sourcePorts, destinationPorts}: Assertion, family: 4 | 6): TrafficSpace | null {
  if (protocol === null) return ALL_TRAFFIC
  const number = protocol[family]
  if (number === (family === 4 ? 58 : 1)) return null
  let space = NO_SPACE
  for (const source of sourcePorts.length > 0 ? sourcePorts : [null]) {
    for (const destination of destinationPorts.length > 0 ? destinationPorts : [null]) {
      space = unite(space, boxSpace(source, destination))
    }
  }
  return {named: new Map([[number, space]]), others: false}
}

function memo(make: (target: Target) => TrafficSpace): (target: Target) => TrafficSpace {
  const made = new Map<Target, TrafficSpace>()
  return (target) => {
    const known = made.get(target)
    if (known) return known
    const fresh = make(target)
    made.set(target, fresh)
    return fresh
  }
}

/** A catalog that can be asked more; what is new has ids behind all others, and a net keeps the id that it has. */
function extend(catalog: Catalog): {readonly catalog: Catalog; readonly ask: (side: AssertedSide) => number | null} {
  const selectors = [...catalog.selectors]
  const nets = [...catalog.nets]
  const conditions = [...catalog.conditions]
  const netIds = new Map(nets.map((net, id) => [net, id]))
  const netId = (net: Prefix): number => {
    const known = netIds.get(net)
    if (known !== undefined) return known
    netIds.set(net, nets.push(net) - 1)
    return nets.length - 1
  }
  const split = (given: readonly Prefix[]): PeerCondition['nets'] => {
    if (given.length === 0) return null
    const ids = (family: 4 | 6): number[] => given.filter((net) => prefixFamily(net) === family).map(netId)
    return {4: ids(4), 6: ids(6)}
  }
  const selectorId = (selector: Selector | null): number | null =>
    selector === null ? null : selectors.push(selector) - 1
  const ask = ({entity}: AssertedSide): number | null => {
    const folded = foldPeer(entity)
    if (!folded.ok) throw new Error('an assertion with an invalid selector must not get here')
    const condition: PeerCondition = {
      positive: selectorId(folded.positive),
      negative: selectorId(folded.negative),
      nets: split(entity.nets),
      notNets: split(entity.notNets),
    }
    const {positive, negative, nets: inside, notNets} = condition
    if (positive === null && negative === null && !inside && !notNets) return null
    return conditions.push(condition) - 1
  }
  return {catalog: {...catalog, selectors, nets, conditions}, ask}
}
