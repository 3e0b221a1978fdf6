import type {EntityRule, Finding, GlobalPolicies, IcmpMatch, Policy, PortSpec, Rule, Tier} from '../../model/index.ts'
import {PORT_PROTOCOL_NUMBERS} from '../../model/index.ts'
import {type Prefix, prefixFamily} from '../../net/index.ts'
import {
  type FoldedPeer,
  foldPeer,
  foldSubject,
  type InvalidSelector,
  printSelector,
  type Selector,
} from '../../selectors/index.ts'
import {
  type ActivePolicy,
  type ActiveRule,
  type ActiveTier,
  type Catalog,
  compareActive,
  compareOrder,
  compareText,
  type Interner,
  interner,
  type PeerCondition,
  type Placed,
  type PortName,
  type PortQuestion,
  type PortTest,
} from '../classes/index.ts'

interface Catalogue {
  readonly selectors: Interner<Selector>
  readonly nets: Interner<Prefix>
  readonly conditions: Interner<PeerCondition>
  readonly portNames: Interner<PortName>
  /** By name; those that policies name and nobody stored come to it as they are met. */
  readonly tiers: Map<string, ActiveTier>
  /** The next id of a policy, and of a rule. */
  policies: number
  rules: number
}

/** What a set of policies was understood as; the next set goes on with it, at the price of what is new. */
export interface Understood {
  readonly catalog: Catalog
  readonly findings: readonly Finding[]
  readonly policies: GlobalPolicies
  readonly staged: readonly Policy[]
  /** Of both, those that are global. */
  readonly documents: readonly Policy[]
  readonly entries: readonly Entry[]
  readonly into: Catalogue
}

interface Entry extends Placed {
  /** null: not in force. */
  readonly active: ActivePolicy | null
  readonly findings: readonly Finding[]
}

/**
 * Global policies in evaluation order, with every question that they ask of addresses taken out once.
 *
 * A policy whose own selectors cannot be read is absent; one with a rule that cannot be read denies all that it governs;
 * of a rule that a gateway cannot mean an allow never matches and anything else denies what it could have meant. Each
 * of these is a finding.
 */
export function activePolicies(policies: GlobalPolicies, staged: readonly Policy[] = []): Understood {
  const stored = [...policies.tiers].sort(
    (a, b) => compareOrder(a.order, b.order) || compareText(a.meta.name, b.meta.name),
  )
  const into: Catalogue = {
    selectors: interner(),
    nets: interner(),
    conditions: interner(),
    portNames: interner(),
    tiers: new Map(stored.map((tier, rank) => [tier.meta.name, storedTier(tier, rank)])),
    policies: 0,
    rules: 0,
  }
  const documents = globalOnes(policies.policies, staged)
  const places = documents.map((document) => placeOf(into, document)).sort(compareActive)
  const entries = places.map((place) => entryOf(into, place))
  return understood({into, policies, staged, documents, entries})
}

/** The same over other policies, and which came and went; null where tiers differ, which all policies stand by. */
export function changedPolicies(
  before: Understood,
  policies: GlobalPolicies,
  staged: readonly Policy[],
): {
  readonly understood: Understood
  readonly gone: readonly ActivePolicy[]
  readonly come: readonly ActivePolicy[]
} | null {
  const [was, is] = [before.policies.tiers, policies.tiers]
  if (was.length !== is.length || was.some((tier, index) => tier !== is[index])) return null
  const {into} = before
  const documents = globalOnes(policies.policies, staged)
  const {left, arrived} = exchanged(before.documents, documents)
  const gone: Entry[] = []
  const kept: Entry[] = []
  for (const entry of before.entries) (left.has(entry.document) ? gone : kept).push(entry)
  const come = arrived
    .map((document) => placeOf(into, document))
    .sort(compareActive)
    .map((place) => entryOf(into, place))
  const entries = merged(kept, come)
  const next = understood({into, policies, staged, documents, entries})
  return {understood: next, gone: activeOf(gone), come: activeOf(come)}
}

/** Mostly all but a few stand where they stood. */
function exchanged(
  was: readonly Policy[],
  is: readonly Policy[],
): {readonly left: ReadonlySet<Policy>; readonly arrived: readonly Policy[]} {
  let [first, wasEnd, isEnd] = [0, was.length, is.length]
  while (first < wasEnd && first < isEnd && was[first] === is[first]) first++
  while (wasEnd > first && isEnd > first && was[wasEnd - 1] === is[isEnd - 1]) {
    wasEnd--
    isEnd--
  }
  const left = new Set(was.slice(first, wasEnd))
  const arrived = is.slice(first, isEnd).filter((policy) => !left.delete(policy))
  return {left, arrived}
}

/** Both are in evaluation order. */
function merged(kept: readonly Entry[], come: readonly Entry[]): readonly Entry[] {
  if (come.length === 0) return kept
  const all: Entry[] = []
  let next = 0
  for (const entry of kept) {
    while (next < come.length && compareActive(come[next]!, entry) < 0) all.push(come[next++]!)
    all.push(entry)
  }
  return [...all, ...come.slice(next)]
}

function understood(all: Omit<Understood, 'catalog' | 'findings'>): Understood {
  const {into, entries} = all
  const catalog: Catalog = {
    selectors: into.selectors.items,
    nets: into.nets.items,
    conditions: into.conditions.items,
    portNames: into.portNames.items,
    policies: activeOf(entries),
  }
  const findings: Finding[] = []
  for (const {document, findings: own} of entries) if (own.length > 0 && document.kind !== STAGED) findings.push(...own)
  return {...all, catalog, findings}
}

function activeOf(entries: readonly Entry[]): ActivePolicy[] {
  const active: ActivePolicy[] = []
  for (const entry of entries) if (entry.active) active.push(entry.active)
  return active
}

/** Staged ones last, so that mostly all but a few stand where they stood. */
const globalOnes = (policies: readonly Policy[], staged: readonly Policy[]): readonly Policy[] => [
  ...policies.filter(({kind}) => kind === 'GlobalNetworkPolicy'),
  ...staged.filter(({kind}) => kind === STAGED),
]

const STAGED = 'StagedGlobalNetworkPolicy'

const storedTier = ({meta, defaultAction}: Tier, rank: number): ActiveTier => ({
  id: rank,
  name: meta.name,
  rank,
  end: defaultAction === 'Pass' ? 'pass' : 'deny',
})

/** A tier that policies name and nobody stored comes after all others, and denies (calico-model 4.1). */
function placeOf({tiers}: Catalogue, document: Policy): Placed {
  let tier = tiers.get(document.tier)
  if (!tier) {
    tier = {id: tiers.size, name: document.tier, rank: Number.MAX_SAFE_INTEGER, end: 'deny'}
    tiers.set(document.tier, tier)
  }
  return {document, tier, tie: `${document.keyName}/${document.meta.namespace ?? ''}/${document.kind}`}
}

function entryOf(into: Catalogue, place: Placed): Entry {
  const {document: policy} = place
  const findings: Finding[] = []
  if (!isPresent(policy, findings)) return {...place, active: null, findings}
  const subject = foldSubject(policy)
  if (!subject.ok) {
    findings.push(selectorFinding(policy, '', subject.invalid, 'this policy is not in force'))
    return {...place, active: null, findings}
  }
  const selector = selectorId(into, subject.selector)
  const staged = policy.kind === STAGED
  const active = {...place, id: into.policies++, staged, selector, ...directionsOf(policy, into, findings)}
  return {...place, active, findings}
}

const PORT_PROTOCOLS: readonly number[] = Object.values(PORT_PROTOCOL_NUMBERS)

/** Untracked and pre-DNAT policies act where a gateway has no hook; calico-model 4.6 leaves them out for workloads too. */
function isPresent(policy: Policy, findings: Finding[]): boolean {
  const say = (severity: Finding['severity'], field: string, detail: string): void => {
    findings.push({code: 'policy-unsupported', severity, where: {...whereOf(policy), field}, detail})
  }
  if (policy.doNotTrack) say('warning', 'doNotTrack', 'untracked policy does not exist at a gateway: not in force here')
  else if (policy.preDnat) say('warning', 'preDNAT', 'pre-DNAT policy does not exist at a gateway: not in force here')
  else if (policy.applyOnForward) {
    say('info', 'applyOnForward', 'a gateway applies this policy as a normal one, to the flows that cross it')
  }
  return !policy.doNotTrack && !policy.preDnat
}

function directionsOf(policy: Policy, into: Catalogue, findings: Finding[]): Pick<ActivePolicy, 'ingress' | 'egress'> {
  const folded = foldedRules(policy)
  // Why it was refused, federate has said.
  const invalid = policy.refused ? null : firstInvalid(folded)
  if (invalid) {
    findings.push(selectorFinding(policy, invalid.at, invalid.invalid, 'this policy denies all that it governs'))
  }
  const rulesOf = (direction: 'ingress' | 'egress'): ActiveRule[] | null => {
    if (!policy.types.includes(direction)) return null
    if (invalid || policy.refused) return [{...DENY_ALL, id: into.rules++, index: null}]
    return policy[direction].flatMap((rule, index) => {
      const active = activeRule(rule, folded[direction][index]!, index, into, (field, detail) =>
        findings.push({
          code: 'rule-unsupported',
          severity: 'warning',
          where: {...whereOf(policy), field: `${direction}[${index}].${field}`},
          detail,
        }),
      )
      return active ?? []
    })
  }
  return {ingress: rulesOf('ingress'), egress: rulesOf('egress')}
}

const NO_PORTS: PortTest = {ports: null, notPorts: null}

const DENY_ALL: Omit<ActiveRule, 'id' | 'index'> = {
  action: 'deny',
  family: null,
  source: null,
  destination: null,
  traffic: {protocol: null, notProtocol: null, icmp: null, notIcmp: null, source: NO_PORTS, destination: NO_PORTS},
}

const ACTIONS: Readonly<Record<Rule['action'], ActiveRule['action']>> = {
  Allow: 'allow',
  Deny: 'deny',
  Pass: 'pass',
  Log: 'log',
}

/** A rule as the compiler takes it; null: it never decides anything. */
function activeRule(
  rule: Rule,
  folded: FoldedRule,
  index: number,
  into: Catalogue,
  say: (field: string, detail: string) => void,
): ActiveRule | null {
  const unsupported: [string, string][] = []
  if (rule.http) unsupported.push(['http', 'HTTP cannot be matched at a gateway'])
  for (const side of ['source', 'destination'] as const) {
    if (rule[side].services) unsupported.push([`${side}.services`, 'services are not known here'])
  }
  const portless = hasPortNumbers(rule) && (rule.protocol === null || !PORT_PROTOCOLS.includes(rule.protocol))
  if (portless) unsupported.push(['protocol', 'port numbers need protocol TCP, UDP or SCTP'])
  const consequence =
    rule.action === 'Allow' || rule.action === 'Log'
      ? 'this rule never matches'
      : 'this rule denies all that it could have meant'
  for (const [field, detail] of unsupported) say(field, `${detail}: ${consequence}`)
  if (unsupported.length > 0 && (rule.action === 'Log' || rule.action === 'Allow')) return null

  const peers = {source: peerOf(folded.source, into), destination: peerOf(folded.destination, into)}
  const ports = (side: 'source' | 'destination'): PortTest => {
    if (portless) return NO_PORTS
    const {ports: wanted, notPorts} = rule[side]
    const {positive} = peers[side]
    return {ports: question(wanted, positive, into), notPorts: question(notPorts, positive, into)}
  }
  return {
    id: into.rules++,
    index,
    action: unsupported.length > 0 ? 'deny' : ACTIONS[rule.action],
    family: rule.ipVersion,
    source: conditionOf(rule.source, peers.source, into),
    destination: conditionOf(rule.destination, peers.destination, into),
    traffic: {
      protocol: rule.protocol,
      notProtocol: rule.notProtocol,
      icmp: icmpOf(rule.icmp),
      notIcmp: icmpOf(rule.notIcmp),
      source: ports('source'),
      destination: ports('destination'),
    },
  }
}

const icmpOf = (match: IcmpMatch | null): {type: number; code: number | null} | null =>
  match && match.type !== null ? {type: match.type, code: match.code} : null

function hasPortNumbers({source, destination}: Rule): boolean {
  const specs = [source.ports, source.notPorts, destination.ports, destination.notPorts]
  return specs.some((spec) => spec !== null && spec.ranges.length > 0)
}

function question(spec: PortSpec | null, selector: number | null, into: Catalogue): PortQuestion | null {
  if (!spec || (spec.ranges.length === 0 && spec.names.length === 0)) return null
  const names = spec.names.map((name) =>
    into.portNames.idOf(JSON.stringify([name, selector]), () => ({name, selector})),
  )
  return {ranges: spec.ranges, names}
}

/** Both sides of a rule, each read once. */
interface FoldedRule {
  readonly source: FoldedPeer
  readonly destination: FoldedPeer
}

type FoldedRules = Readonly<Record<'ingress' | 'egress', readonly FoldedRule[]>>

function foldedRules({ingress, egress}: Policy): FoldedRules {
  const fold = ({source, destination}: Rule): FoldedRule => ({
    source: foldPeer(source),
    destination: foldPeer(destination),
  })
  return {ingress: ingress.map(fold), egress: egress.map(fold)}
}

/** Ids of selectors. */
type Peer = Pick<PeerCondition, 'positive' | 'negative'>

function peerOf(folded: FoldedPeer, into: Catalogue): Peer {
  if (!folded.ok) return {positive: null, negative: null}
  const {positive, negative} = folded
  return {positive: positive && selectorId(into, positive), negative: negative && selectorId(into, negative)}
}

function conditionOf(side: EntityRule, {positive, negative}: Peer, into: Catalogue): number | null {
  const split = (nets: readonly Prefix[]): PeerCondition['nets'] => {
    if (nets.length === 0) return null
    const ids = (family: 4 | 6): number[] =>
      nets.filter((net) => prefixFamily(net) === family).map((net) => into.nets.idOf(net, () => net))
    return {4: ids(4), 6: ids(6)}
  }
  const [nets, notNets] = [split(side.nets), split(side.notNets)]
  if (positive === null && negative === null && !nets && !notNets) return null
  const key = nets || notNets ? JSON.stringify([positive, negative, nets, notNets]) : `${positive} ${negative}`
  return into.conditions.idOf(key, () => ({positive, negative, nets, notNets}))
}

const selectorId = (into: Catalogue, selector: Selector): number =>
  into.selectors.idOf(printSelector(selector), () => selector)

function firstInvalid(folded: FoldedRules): {at: string; invalid: InvalidSelector} | null {
  for (const direction of ['ingress', 'egress'] as const) {
    for (const [index, rule] of folded[direction].entries()) {
      for (const side of ['source', 'destination'] as const) {
        const {[side]: peer} = rule
        if (!peer.ok) return {at: `${direction}[${index}].${side}.`, invalid: peer.invalid}
      }
    }
  }
  return null
}

const whereOf = (policy: Policy): Finding['where'] => ({source: 'policy', key: `${policy.kind} ${policy.meta.name}`})

function selectorFinding(policy: Policy, at: string, invalid: InvalidSelector, consequence: string): Finding {
  return {
    code: 'selector-invalid',
    severity: 'error',
    where: {...whereOf(policy), field: at + invalid.field},
    detail: `${invalid.message}: ${consequence}`,
  }
}
