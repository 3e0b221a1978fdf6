import type {Direction, Policy, Rule, Tier, World} from '../../model/index.ts'
import {evaluateSelector, labelReader} from '../../selectors/index.ts'
import {peerOf, subjectOf} from './folded.ts'
import {cannotBeMeant, ruleMatches} from './match-rule.ts'
import {type AddressView, type Holder, type Judgement, type Packet, viewAddress} from './packet.ts'

/**
 * What global policy says of a flow's first packet: egress of the source, then ingress of the destination.
 *
 * Written from the semantics (calico-model 4.4, formats.md) and for reading: everything is looked up anew for every
 * packet. An address without a site is no subject; with one such end the other's direction decides alone.
 */
export function judge(world: World, defaultVerdict: 'allow' | 'deny', packet: Packet): Judgement {
  const source = viewAddress(world, packet.from)
  const destination = viewAddress(world, packet.to)
  const egress = source.subject && direction('egress', source.subject)
  if (egress?.verdict === 'deny') return egress
  const ingress = destination.subject && direction('ingress', destination.subject)
  return ingress ?? egress ?? UNOWNED

  function direction(name: Direction, subject: Holder): Judgement {
    return judgeDirection(world, defaultVerdict, packet, name, subject, source, destination)
  }
}

const NOTHING = {direction: null, site: null, kind: null, tier: null, policy: null, rule: null} as const
const UNOWNED: Judgement = {...NOTHING, verdict: 'deny', reason: 'unowned'}

function judgeDirection(
  world: World,
  defaultVerdict: 'allow' | 'deny',
  packet: Packet,
  direction: Direction,
  subject: Holder,
  source: AddressView,
  destination: AddressView,
): Judgement {
  const said = {...NOTHING, direction, site: subject.site}
  nextTier: for (const tier of tiersInOrder(world)) {
    const governing = policiesInOrder(world, tier.meta.name).filter((policy) => governs(policy, direction, subject))
    if (governing.length === 0) continue
    for (const policy of governing) {
      const place = {...said, kind: policy.kind, tier: tier.meta.name, policy: policy.meta.name}
      if (!isReadable(policy)) return {...place, verdict: 'deny', reason: 'rule'}
      for (const [index, rule] of policy[direction].entries()) {
        if (!ruleMatches(rule, packet, source, destination)) continue
        const action = actionOf(rule)
        if (action === 'Pass') continue nextTier
        if (action === 'Allow') return {...place, verdict: 'allow', reason: 'rule', rule: index}
        if (action === 'Deny') return {...place, verdict: 'deny', reason: 'rule', rule: index}
      }
    }
    if (tier.defaultAction !== 'Pass') return {...said, verdict: 'deny', reason: 'tier', tier: tier.meta.name}
  }
  return {...said, verdict: defaultVerdict, reason: 'default'}
}

/** What a matching rule does; `Log`: nothing, evaluation goes on. */
function actionOf(rule: Rule): Rule['action'] {
  if (!cannotBeMeant(rule)) return rule.action
  return rule.action === 'Deny' || rule.action === 'Pass' ? 'Deny' : 'Log'
}

/** Order ascending, none last, then name; a tier that policies name and nobody stored comes after all and denies. */
function tiersInOrder(world: World): Tier[] {
  const stored = [...world.policies.tiers].sort((a, b) => byOrder(a.order, b.order) || byText(a.meta.name, b.meta.name))
  const known = new Set(stored.map((tier) => tier.meta.name))
  const missing = new Set(world.policies.policies.map((policy) => policy.tier).filter((name) => !known.has(name)))
  const implicit = [...missing].sort(byText).map((name): Tier => {
    return {
      kind: 'Tier',
      meta: {name, namespace: null, labels: {}, annotations: {}},
      order: null,
      defaultAction: 'Deny',
    }
  })
  return [...stored, ...implicit]
}

function policiesInOrder(world: World, tier: string): Policy[] {
  const tie = (policy: Policy): string => `${policy.keyName}/${policy.meta.namespace ?? ''}/${policy.kind}`
  return world.policies.policies
    .filter((policy) => policy.tier === tier)
    .sort((a, b) => byOrder(a.order, b.order) || byText(tie(a), tie(b)))
}

/** Staged, untracked and pre-DNAT policies are absent here, and so is one whose own selectors cannot be read. */
function governs(policy: Policy, direction: Direction, subject: Holder): boolean {
  if (policy.kind !== 'GlobalNetworkPolicy' || policy.doNotTrack || policy.preDnat) return false
  if (!policy.types.includes(direction)) return false
  const folded = subjectOf(policy)
  return folded.ok && evaluateSelector(folded.selector, labelReader(subject.set))
}

/** A policy that was refused, or that has a rule whose selector cannot be read, denies all that it governs. */
function isReadable(policy: Policy): boolean {
  if (policy.refused) return false
  const rules = [...policy.ingress, ...policy.egress]
  return rules.every((rule) => peerOf(rule.source).ok && peerOf(rule.destination).ok)
}

const byOrder = (a: number | null, b: number | null): number => {
  const [left, right] = [a ?? Number.POSITIVE_INFINITY, b ?? Number.POSITIVE_INFINITY]
  return left < right ? -1 : left > right ? 1 : 0
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
