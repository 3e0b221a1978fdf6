import type {AttributeSet, AttributeSetId, EntityRule, Policy, Rule} from '../../src/model/index.ts'
import {attributeSetId} from '../../src/model/index.ts'
import type {Prefix} from '../../src/net/index.ts'
import {evaluateSelector, labelReader, parseSelector} from '../../src/selectors/index.ts'
import type {Workload} from './workload.ts'

/**
 * The chains and sets that Calico's Felix would make of the policies, without saying yet in which language.
 *
 * As its documentation and its own tables show: a set of addresses for each distinct selector, a chain for each policy
 * and direction, policies one after another in their tiers, accept and pass kept in mark bits, and packets of
 * established flows accepted before anything else. Felix dispatches by the interface of the pod; where pods are far
 * away there is none, so the policy's own selector is asked as a set too. Kinder to Felix than it is to itself: several
 * nets of a rule are one set here, not rules of their own.
 */
export interface FelixLayout {
  /** Name to addresses or prefixes. */
  readonly sets: ReadonlyMap<string, readonly string[]>
  /** Name to `ADDRESS`es that have the named port, with protocol and number. */
  readonly portSets: ReadonlyMap<string, readonly {readonly address: string; readonly port: number}[]>
  readonly policies: readonly FelixPolicy[]
  readonly tiers: readonly FelixTier[]
}

export interface FelixPolicy {
  readonly chain: string
  readonly rules: readonly FelixRule[]
}

export interface FelixTier {
  readonly chain: string
  readonly side: 'src' | 'dst'
  readonly jumps: readonly {readonly subject: string; readonly chain: string}[]
  /** All that some policy of the tier selects: denied where none of them decides; null: goes on. */
  readonly closes: string | null
}

export interface FelixRule {
  readonly action: Rule['action']
  readonly protocol: number | null
  readonly icmpType: number | null
  readonly ports: {readonly first: number; readonly last: number} | null
  /** Set of `address,port` that the destination must be in. */
  readonly portSet: string | null
  readonly sets: readonly {readonly name: string; readonly side: 'src' | 'dst'; readonly negated: boolean}[]
}

export function felixLayout({world, endpoints}: Workload): FelixLayout {
  const sets = new Map<string, readonly string[]>()
  const names = new Map<string, string>()
  const named = (key: string, members: () => readonly string[]): string => {
    let name = names.get(key)
    if (name === undefined) {
      name = `s${names.size}`
      names.set(key, name)
      sets.set(name, members())
    }
    return name
  }
  const membersOf = selectorMembers(world.attributes, endpoints)
  const selectorSet = (selector: string): string => named(`selector ${selector}`, () => membersOf(selector))
  const netSet = (nets: readonly Prefix[]): string => named(`nets ${[...nets].sort().join()}`, () => [...new Set(nets)])

  const portSets = new Map<string, {address: string; port: number}[]>()
  for (const {address, attributes} of endpoints) {
    for (const {name, port} of world.attributes.get(attributes)!.ports) {
      const list = portSets.get(`p${name}`)
      if (list) list.push({address, port})
      else portSets.set(`p${name}`, [{address, port}])
    }
  }

  const ruleOf = (rule: Rule, far: EntityRule, side: 'src' | 'dst'): FelixRule => {
    const {ports} = rule.destination
    return {
      action: rule.action,
      protocol: rule.protocol,
      icmpType: rule.icmp?.type ?? null,
      ports: ports?.ranges[0] ?? null,
      portSet: ports?.names[0] === undefined ? null : `p${ports.names[0]}`,
      sets: [
        ...(far.selector === '' ? [] : [{name: selectorSet(far.selector), side, negated: false}]),
        ...(far.nets.length === 0 ? [] : [{name: netSet(far.nets), side, negated: false}]),
        ...(far.notNets.length === 0 ? [] : [{name: netSet(far.notNets), side, negated: true}]),
      ],
    }
  }

  const policies: FelixPolicy[] = []
  const tiers: FelixTier[] = []
  const sorted = [...world.policies.policies].sort(byOrder)
  for (const direction of ['egress', 'ingress'] as const) {
    const [side, far] = direction === 'egress' ? (['src', 'dst'] as const) : (['dst', 'src'] as const)
    for (const tier of world.policies.tiers) {
      const own = sorted.filter((policy) => policy.tier === tier.meta.name && policy.types.includes(direction))
      if (own.length === 0) continue
      const jumps = own.map((policy) => {
        const chain = `${direction === 'egress' ? 'po' : 'pi'}-${policy.meta.name}`
        const rules = policy[direction].filter(({action}) => action !== 'Log')
        policies.push({
          chain,
          rules: rules.map((rule) => ruleOf(rule, direction === 'egress' ? rule.destination : rule.source, far)),
        })
        return {subject: selectorSet(policy.selector), chain}
      })
      const selected = () => [...new Set(jumps.flatMap(({subject}) => sets.get(subject)!))]
      const closes = tier.defaultAction === 'Deny' ? named(`tier ${direction} ${tier.meta.name}`, selected) : null
      tiers.push({chain: `t${direction}-${tier.meta.name}`, side, jumps, closes})
    }
  }
  return {sets, portSets, policies, tiers}
}

/** Addresses by selector; a selector is asked once for each attribute set. */
function selectorMembers(
  attributes: ReadonlyMap<AttributeSetId, AttributeSet>,
  endpoints: Workload['endpoints'],
): (selector: string) => string[] {
  const bySet = new Map<AttributeSetId, string[]>()
  for (const {address, attributes: id} of endpoints) {
    const list = bySet.get(id)
    if (list) list.push(address)
    else bySet.set(id, [address])
  }
  const readers = [...attributes.values()].map((set) => ({id: attributeSetId(set), read: labelReader(set)}))
  return (text) => {
    const parsed = parseSelector(text)
    if (!parsed.ok) throw new Error(`the workload is wrong: ${text}`)
    return readers.flatMap(({id, read}) => (evaluateSelector(parsed.ast, read) ? (bySet.get(id) ?? []) : []))
  }
}

function byOrder(a: Policy, b: Policy): number {
  return (
    (a.order ?? Number.POSITIVE_INFINITY) - (b.order ?? Number.POSITIVE_INFINITY) || (a.keyName < b.keyName ? -1 : 1)
  )
}
