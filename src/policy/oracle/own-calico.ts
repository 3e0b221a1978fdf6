import type {
  AttributeSet,
  Direction,
  EntityRule,
  HostEndpoint,
  Member,
  Policy,
  Profile,
  Resource,
  Rule,
  SiteName,
  SourceId,
  Tier,
  WorkloadEndpoint,
} from '../../model/index.ts'
import {type AttributeSetId, attributeSetId} from '../../model/index.ts'
import {type Address, hostPrefix, type Prefix, prefixContainsAddress} from '../../net/index.ts'
import {
  evaluateSelector,
  labelReader,
  NAMESPACE_LABEL,
  parseSelector,
  SERVICE_ACCOUNT_LABEL,
} from '../../selectors/index.ts'
import {subjectOf} from './folded.ts'
import {decide, type Note} from './judge.ts'
import {mismatch} from './match-rule.ts'
import {type AddressView, type Packet, viewAddress} from './packet.ts'

type Endpoint = WorkloadEndpoint | HostEndpoint

/** One datastore as its own Calico sees it: nobody else's endpoints, but also what Isthmus wrote into it. */
export interface CalicoView {
  readonly members: ReadonlyMap<Prefix, readonly Member[]>
  readonly attributes: ReadonlyMap<AttributeSetId, AttributeSet>
  readonly endpoints: ReadonlyMap<Address, Endpoint>
  readonly tiers: readonly Tier[]
  /** NetworkPolicies as the global policies that they amount to (calico-model 3.4). */
  readonly policies: readonly Policy[]
  readonly profiles: ReadonlyMap<string, Profile>
  /** Addresses of which it cannot be told what this Calico says, and why. */
  readonly doubts?: ReadonlyMap<Address, string>
}

export interface OwnJudgement {
  readonly verdict: 'allow' | 'deny'
  /** `profile` stands for a profile's rule, `end` for the drop behind all profiles. */
  readonly reason: 'rule' | 'tier' | 'profile' | 'end'
  readonly kind: string | null
  readonly tier: string | null
  readonly policy: string | null
  readonly rule: number | null
}

const DEFAULT_ALLOW = 'projectcalico-default-allow'
const DEFAULT_TIERS: readonly [string, number, Tier['defaultAction']][] = [
  ['kube-admin', 1_000, 'Pass'],
  ['default', 1_000_000, 'Deny'],
  ['kube-baseline', 10_000_000, 'Pass'],
]

/**
 * Gathers what Felix would enforce of one datastore, as far as flows between these addresses can meet it: of a hundred
 * thousand pods two matter. Labels are Calico's own: no `isthmus.io/site` is added.
 */
export function calicoView(resources: Iterable<Resource>, addresses: readonly Address[]): CalicoView {
  const all: Resource[] = []
  for (const one of resources) if (isMet(one, addresses)) all.push(one)
  const profiles = new Map(all.flatMap((one) => (one.kind === 'Profile' ? [[one.meta.name, one] as const] : [])))
  const members = new Map<Prefix, Member[]>()
  const attributes = new Map<AttributeSetId, AttributeSet>()
  const endpoints = new Map<Address, Endpoint>()
  const hold = (set: AttributeSet, prefixes: readonly Prefix[]): void => {
    const id = attributeSetId(set)
    attributes.set(id, set)
    for (const prefix of prefixes) {
      const held = members.get(prefix) ?? []
      members.set(prefix, held)
      held.push({site: '' as SiteName, attributes: id, source: 'datastore/own' as SourceId, names: [], modRevision: 0})
    }
  }
  const inherited = (own: ReadonlyMap<string, string>, names: readonly string[]): Record<string, string> => {
    const labels = new Map(own)
    for (const name of names) {
      for (const [label, value] of Object.entries(profiles.get(name)?.labelsToApply ?? {})) {
        if (!labels.has(label)) labels.set(label, value)
      }
    }
    return Object.fromEntries(labels)
  }
  for (const one of all) {
    if (one.kind === 'WorkloadEndpoint' || one.kind === 'HostEndpoint') {
      const pod = one.kind === 'WorkloadEndpoint'
      const serviceAccount = pod ? one.serviceAccount : null
      const own = new Map(Object.entries(one.meta.labels).filter(([label]) => !(pod && isInherited(label))))
      if (serviceAccount && !own.has(SERVICE_ACCOUNT_LABEL)) own.set(SERVICE_ACCOUNT_LABEL, serviceAccount)
      const {namespace} = one.meta
      const set = {kind: pod ? 'pod' : 'host', labels: inherited(own, one.profiles), namespace, serviceAccount} as const
      hold({...set, ports: one.ports}, one.addresses.map(hostPrefix))
      for (const address of one.addresses) endpoints.set(address, one)
    } else if (one.kind === 'NetworkSet') {
      const {namespace} = one.meta
      const own = new Map(Object.entries(one.meta.labels))
      if (namespace !== null) own.set(NAMESPACE_LABEL, namespace)
      const labels = inherited(own, namespace === null ? [] : [`kns.${namespace}`])
      hold({kind: 'set', labels, namespace, serviceAccount: null, ports: []}, one.nets)
    }
  }
  const tiers = all.filter((one): one is Tier => one.kind === 'Tier')
  const known = new Set(tiers.map(({meta}) => meta.name))
  const builtIn = DEFAULT_TIERS.filter(([name]) => !known.has(name)).map(([name, order, defaultAction]): Tier => {
    return {kind: 'Tier', meta: {name, namespace: null, labels: {}, annotations: {}}, order, defaultAction}
  })
  const policies = all.flatMap((one): Policy[] => {
    if (one.kind === 'GlobalNetworkPolicy') return [one]
    return one.kind === 'NetworkPolicy' ? [asGlobal(one)] : []
  })
  return {members, attributes, endpoints, tiers: [...builtIn, ...tiers], policies, profiles}
}

function isMet(one: Resource, addresses: readonly Address[]): boolean {
  if (one.kind === 'WorkloadEndpoint' || one.kind === 'HostEndpoint') {
    return one.addresses.some((address) => addresses.includes(address))
  }
  if (one.kind !== 'NetworkSet') return true
  return one.nets.some((net) => addresses.some((address) => prefixContainsAddress(net, address)))
}

/** Only profiles may give these. */
const isInherited = (label: string): boolean => label.startsWith('pcns.') || label.startsWith('pcsa.')

/**
 * What a site's own Calico does with a flow of one of its endpoints; null: the address is none of its endpoints, so its
 * Calico judges nothing here. Behind the tiers come the profiles in their order, and behind these the drop; a profile
 * that is listed but missing denies (calico-model 3.3, 4.4).
 */
export function judgeOwn(calico: CalicoView, direction: Direction, packet: Packet, note: Note): OwnJudgement | null {
  const address = direction === 'egress' ? packet.from : packet.to
  const endpoint = calico.endpoints.get(address)
  if (!endpoint) return null
  const [source, destination] = [viewAddress(calico, packet.from), viewAddress(calico, packet.to)]
  const subject = (direction === 'egress' ? source : destination).subject!
  const policies = calico.policies.filter((policy) => {
    if (policy.doNotTrack || policy.preDnat || !policy.types.includes(direction)) return false
    const folded = subjectOf(policy)
    return folded.ok && evaluateSelector(folded.selector, labelReader(subject.set))
  })
  const decided = decide({tiers: calico.tiers, policies}, direction, packet, source, destination, note)
  if (decided) return {...decided, reason: decided.reason === 'tier' ? 'tier' : 'rule'}
  for (const name of endpoint.profiles) {
    const place = {kind: 'Profile', tier: null, policy: name}
    if (name === DEFAULT_ALLOW) return {...place, rule: 0, verdict: 'allow', reason: 'profile'}
    const profile = calico.profiles.get(name)
    if (!profile) return {...place, rule: null, verdict: 'deny', reason: 'profile'}
    const rule = decidingRule(profile, direction, packet, source, destination, note)
    if (rule !== null) {
      const verdict = profile[direction][rule]!.action === 'Allow' ? 'allow' : 'deny'
      return {...place, rule, verdict, reason: 'profile'}
    }
  }
  return {verdict: 'deny', reason: 'end', kind: null, tier: null, policy: null, rule: null}
}

/** Index of the profile's rule that allows or denies; Pass tries the next profile. */
function decidingRule(
  profile: Profile,
  direction: Direction,
  packet: Packet,
  source: AddressView,
  destination: AddressView,
  note: Note,
): number | null {
  for (const [index, rule] of profile[direction].entries()) {
    const passedOver = mismatch(rule, packet, source, destination)
    note({kind: 'Profile', tier: null, policy: profile.meta.name, rule: index, action: rule.action, passedOver})
    if (passedOver !== null || rule.action === 'Log') continue
    return rule.action === 'Pass' ? null : index
  }
  return null
}

/** A NetworkPolicy's namespace as terms of its selectors (upd/networkpolicyprocessor.go, rules.go). */
export function asGlobal(policy: Policy): Policy {
  const own = `${NAMESPACE_LABEL} == '${policy.meta.namespace}'`
  const within = (selector: string): string => {
    if (selector === '') return own
    // What does not parse by itself must not become right by what is put around it.
    return parseSelector(selector).ok ? `(${selector}) && ${own}` : selector
  }
  const side = (entity: EntityRule): EntityRule => {
    const asks = entity.selector !== '' || entity.notSelector !== '' || entity.serviceAccounts !== null
    return asks && entity.namespaceSelector === '' ? {...entity, selector: within(entity.selector)} : entity
  }
  const rule = (one: Rule): Rule => ({...one, source: side(one.source), destination: side(one.destination)})
  return {
    ...policy,
    selector: within(policy.selector),
    ingress: policy.ingress.map(rule),
    egress: policy.egress.map(rule),
  }
}
