import type {Direction, Policy, Rule, Tier, World} from '../../model/index.ts'
import {evaluateSelector, labelReader} from '../../selectors/index.ts'
import {peerOf, subjectOf} from './folded.ts'
import {cannotBeMeant, mismatch} from './match-rule.ts'
import {type AddressView, type Holder, type Judgement, type Packet, viewAddress} from './packet.ts'

/**
 * What global policy says of a flow's first packet: egress of the source, then ingress of the destination.
 *
 * Written from the semantics (calico-model 4.4, formats.md) and for reading: everything is looked up anew for every
 * packet. An address without a site is no subject; with one such end the other's direction decides alone.
 */
export function judge(world: World, defaultVerdict: 'allow' | 'deny', packet: Packet): Judgement {
  const {egress, ingress} = directions(world, defaultVerdict, packet)
  const out = egress()
  if (out?.verdict === 'deny') return out
  return ingress() ?? out ?? UNOWNED
}

export type Judged = Pick<World, 'members' | 'attributes' | 'policies'>

/** Each direction by itself, telling what became of every rule up to the one that decides; null: the end is no subject. */
export function directions(
  world: Judged,
  defaultVerdict: 'allow' | 'deny',
  packet: Packet,
  note: (direction: Direction, note: RuleNote) => void = () => {},
): Readonly<Record<Direction, () => Judgement | null>> {
  const source = viewAddress(world, packet.from)
  const destination = viewAddress(world, packet.to)
  const direction = (name: Direction, subject: Holder | null): Judgement | null =>
    subject &&
    judgeDirection(world, defaultVerdict, packet, name, subject, source, destination, (said) => note(name, said))
  return {
    egress: () => direction('egress', source.subject),
    ingress: () => direction('ingress', destination.subject),
  }
}

const NOTHING = {direction: null, site: null, kind: null, tier: null, policy: null, rule: null} as const
const UNOWNED: Judgement = {...NOTHING, verdict: 'deny', reason: 'unowned'}

function judgeDirection(
  world: Pick<World, 'policies'>,
  defaultVerdict: 'allow' | 'deny',
  packet: Packet,
  direction: Direction,
  subject: Holder,
  source: AddressView,
  destination: AddressView,
  note: Note,
): Judgement {
  const said = {...NOTHING, direction, site: subject.site}
  const policies = world.policies.policies.filter((policy) => governs(policy, direction, subject))
  const decided = decide({tiers: world.policies.tiers, policies}, direction, packet, source, destination, note)
  return decided ? {...said, ...decided} : {...said, verdict: defaultVerdict, reason: 'default'}
}

/** What one rule did for a packet: passed over and why, or its action. */
export interface RuleNote {
  readonly kind: string
  readonly tier: string | null
  readonly policy: string
  /** null: the policy as a whole, which cannot be read. */
  readonly rule: number | null
  readonly action: Rule['action']
  /** null: it matched. */
  readonly passedOver: string | null
}

export type Note = (note: RuleNote) => void

/** Tiers, and the policies that govern the subject; null: no tier decides. */
export function decide(
  {tiers, policies}: {readonly tiers: readonly Tier[]; readonly policies: readonly Policy[]},
  direction: Direction,
  packet: Packet,
  source: AddressView,
  destination: AddressView,
  note: Note,
): Omit<Judgement, 'direction' | 'site'> | null {
  nextTier: for (const tier of tiersInOrder(tiers, policies)) {
    const governing = policiesInOrder(policies, tier.meta.name)
    if (governing.length === 0) continue
    for (const policy of governing) {
      const place = {kind: policy.kind, tier: tier.meta.name, policy: policy.meta.name}
      if (!isReadable(policy)) {
        note({...place, rule: null, action: 'Deny', passedOver: null})
        return {...place, verdict: 'deny', reason: 'rule', rule: null}
      }
      for (const [index, rule] of policy[direction].entries()) {
        const action = actionOf(rule)
        const passedOver = cannotAllow(rule) ?? mismatch(rule, packet, source, destination)
        note({...place, rule: index, action, passedOver})
        if (passedOver !== null) continue
        if (action === 'Pass') continue nextTier
        if (action === 'Allow') return {...place, verdict: 'allow', reason: 'rule', rule: index}
        if (action === 'Deny') return {...place, verdict: 'deny', reason: 'rule', rule: index}
      }
    }
    if (tier.defaultAction !== 'Pass') {
      return {kind: null, tier: tier.meta.name, policy: null, rule: null, verdict: 'deny', reason: 'tier'}
    }
  }
  return null
}

const cannotAllow = (rule: Rule): string | null =>
  rule.action === 'Allow' && cannotBeMeant(rule) ? 'it cannot be meant here, so it allows nothing' : null

/** What a matching rule does; `Log`: nothing, evaluation goes on. */
function actionOf(rule: Rule): Rule['action'] {
  if (!cannotBeMeant(rule)) return rule.action
  return rule.action === 'Deny' || rule.action === 'Pass' ? 'Deny' : 'Log'
}

/** Order ascending, none last, then name; a tier that policies name and nobody stored comes after all and denies. */
function tiersInOrder(tiers: readonly Tier[], policies: readonly Policy[]): Tier[] {
  const stored = [...tiers].sort((a, b) => byOrder(a.order, b.order) || byText(a.meta.name, b.meta.name))
  const known = new Set(stored.map((tier) => tier.meta.name))
  const missing = new Set(policies.map((policy) => policy.tier).filter((name) => !known.has(name)))
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

function policiesInOrder(policies: readonly Policy[], tier: string): Policy[] {
  const tie = (policy: Policy): string => `${policy.keyName}/${policy.meta.namespace ?? ''}/${policy.kind}`
  return policies
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
