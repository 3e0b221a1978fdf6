import type {EntityRule, Finding, GlobalPolicies, IcmpMatch, Policy, PortSpec, Rule} from '../../model/index.ts'
import {PORT_PROTOCOL_NUMBERS} from '../../model/index.ts'
import {type Prefix, prefixFamily} from '../../net/index.ts'
import {foldPeer, foldSubject, type InvalidSelector, printSelector, type Selector} from '../../selectors/index.ts'
import {
  type ActivePolicy,
  type ActiveRule,
  type ActiveTier,
  type Catalog,
  type Interner,
  interner,
  type PeerCondition,
  type PortName,
  type PortQuestion,
  type PortTest,
} from '../classes/index.ts'

interface Catalogue {
  readonly selectors: Interner<Selector>
  readonly nets: Interner<Prefix>
  readonly conditions: Interner<PeerCondition>
  readonly portNames: Interner<PortName>
  rules: number
  readonly findings: Finding[]
}

/**
 * Global policies in evaluation order, with every question that they ask of addresses taken out once.
 *
 * A policy whose own selectors cannot be read is absent; one with a rule that cannot be read denies all that it governs;
 * of a rule that a gateway cannot mean an allow never matches and anything else denies what it could have meant. Each
 * of these is a finding.
 */
export function activePolicies({tiers, policies}: GlobalPolicies): {catalog: Catalog; findings: readonly Finding[]} {
  const into: Catalogue = {
    selectors: interner(),
    nets: interner(),
    conditions: interner(),
    portNames: interner(),
    rules: 0,
    findings: [],
  }
  const stored = [...tiers].sort((a, b) => byOrder(a.order, b.order) || byText(a.meta.name, b.meta.name))
  const ranks = new Map(stored.map((tier, rank) => [tier.meta.name, rank]))
  const endOf = new Map(
    stored.map((tier) => [tier.meta.name, tier.defaultAction === 'Pass' ? 'pass' : 'deny'] as const),
  )
  // A tier that policies name and nobody stored comes after all others, and denies (calico-model 4.1).
  const rank = (name: string): number => ranks.get(name) ?? stored.length

  const sorted = policies
    .filter((policy) => policy.kind === 'GlobalNetworkPolicy')
    .map((policy) => ({policy, tie: `${policy.keyName}/${policy.meta.namespace ?? ''}/${policy.kind}`}))
    .sort(
      (a, b) =>
        rank(a.policy.tier) - rank(b.policy.tier) ||
        byText(a.policy.tier, b.policy.tier) ||
        byOrder(a.policy.order, b.policy.order) ||
        byText(a.tie, b.tie),
    )
  const activeTiers: ActiveTier[] = []
  const active: ActivePolicy[] = []
  for (const {policy} of sorted) {
    if (!isPresent(policy, into.findings)) continue
    const subject = foldSubject(policy)
    if (!subject.ok) {
      into.findings.push(selectorFinding(policy, '', subject.invalid, 'this policy is not in force'))
      continue
    }
    if (activeTiers.at(-1)?.name !== policy.tier) {
      activeTiers.push({name: policy.tier, end: endOf.get(policy.tier) ?? 'deny'})
    }
    const selector = selectorId(into, subject.selector)
    active.push({tier: activeTiers.length - 1, selector, ...directionsOf(policy, into), document: policy})
  }
  const catalog: Catalog = {
    selectors: into.selectors.items,
    nets: into.nets.items,
    conditions: into.conditions.items,
    portNames: into.portNames.items,
    tiers: activeTiers,
    policies: active,
  }
  return {catalog, findings: into.findings}
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

function directionsOf(policy: Policy, into: Catalogue): Pick<ActivePolicy, 'ingress' | 'egress'> {
  // Why it was refused, federate has said.
  const invalid = policy.refused ? null : firstInvalid(policy)
  if (invalid) {
    into.findings.push(selectorFinding(policy, invalid.at, invalid.invalid, 'this policy denies all that it governs'))
  }
  const rulesOf = (direction: 'ingress' | 'egress'): ActiveRule[] | null => {
    if (!policy.types.includes(direction)) return null
    if (invalid || policy.refused) return [{...DENY_ALL, id: into.rules++, index: null}]
    return policy[direction].flatMap((rule, index) => {
      const active = activeRule(rule, index, into, (field, detail) =>
        into.findings.push({
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

/** A rule as the compiler takes it; null: it never decides anything. */
function activeRule(
  rule: Rule,
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
  if (rule.action === 'Log' || (unsupported.length > 0 && rule.action === 'Allow')) return null

  const ports = (side: EntityRule): PortTest => {
    if (portless) return NO_PORTS
    const positive = positiveOf(side, into)
    return {ports: question(side.ports, positive, into), notPorts: question(side.notPorts, positive, into)}
  }
  return {
    id: into.rules++,
    index,
    action: unsupported.length > 0 || rule.action === 'Deny' ? 'deny' : rule.action === 'Allow' ? 'allow' : 'pass',
    family: rule.ipVersion,
    source: conditionOf(rule.source, into),
    destination: conditionOf(rule.destination, into),
    traffic: {
      protocol: rule.protocol,
      notProtocol: rule.notProtocol,
      icmp: icmpOf(rule.icmp),
      notIcmp: icmpOf(rule.notIcmp),
      source: ports(rule.source),
      destination: ports(rule.destination),
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

function positiveOf(side: EntityRule, into: Catalogue): number | null {
  const folded = foldPeer(side)
  return folded.ok && folded.positive ? selectorId(into, folded.positive) : null
}

function conditionOf(side: EntityRule, into: Catalogue): number | null {
  const folded = foldPeer(side)
  if (!folded.ok) return null
  const split = (nets: readonly Prefix[]): PeerCondition['nets'] => {
    if (nets.length === 0) return null
    const ids = (family: 4 | 6): number[] =>
      nets.filter((net) => prefixFamily(net) === family).map((net) => into.nets.idOf(net, () => net))
    return {4: ids(4), 6: ids(6)}
  }
  const condition: PeerCondition = {
    positive: folded.positive && selectorId(into, folded.positive),
    negative: folded.negative && selectorId(into, folded.negative),
    nets: split(side.nets),
    notNets: split(side.notNets),
  }
  const {positive, negative, nets, notNets} = condition
  if (positive === null && negative === null && !nets && !notNets) return null
  return into.conditions.idOf(JSON.stringify(condition), () => condition)
}

const selectorId = (into: Catalogue, selector: Selector): number =>
  into.selectors.idOf(printSelector(selector), () => selector)

function firstInvalid(policy: Policy): {at: string; invalid: InvalidSelector} | null {
  for (const direction of ['ingress', 'egress'] as const) {
    for (const [index, rule] of policy[direction].entries()) {
      for (const side of ['source', 'destination'] as const) {
        const folded = foldPeer(rule[side])
        if (!folded.ok) return {at: `${direction}[${index}].${side}.`, invalid: folded.invalid}
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

const byOrder = (a: number | null, b: number | null): number => {
  const [left, right] = [a ?? Number.POSITIVE_INFINITY, b ?? Number.POSITIVE_INFINITY]
  return left < right ? -1 : left > right ? 1 : 0
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
