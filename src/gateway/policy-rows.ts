import type {PolicyCountsRow, PolicyStatus, RuleCounts, TierRow} from '../api/index.ts'
import type {Direction, Policy, Rule, World} from '../model/index.ts'
import type {MetTotal, PolicyTotals, RuleTotal, Tally} from '../policy/index.ts'

const DIRECTIONS = ['ingress', 'egress'] as const
const NONE: Tally = {flows: 0, packets: 0, bytes: 0}

/** Policies in force, each with what its rules decided or let go on. `every`: rules that nothing matched, too. */
export function* policyRows(world: World, totals: PolicyTotals, every = false): Generator<PolicyStatus> {
  const counted = byPlace(totals.rules())
  const met = byPlace(totals.met())
  for (const policy of world.policies.policies) {
    const place = placeOf(policy.tier, policy.meta.name)
    yield rowOf(world, policy, countsOf(policy, counted.get(place) ?? [], met.get(place) ?? [], every))
  }
}

/** Staged policies, each with what would change by it. */
export function* stagedRows(world: World, totals: PolicyTotals): Generator<PolicyStatus> {
  const changed = byPlace(totals.staged())
  for (const policy of world.staged) {
    const changes = (changed.get(placeOf(policy.tier, policy.meta.name)) ?? []).map(
      ({direction, would, flows, packets, bytes}) => ({direction, would, flows, packets, bytes}),
    )
    const flowsThat = (would: 'allow' | 'deny'): number =>
      sum(
        changes.filter((change) => change.would === would),
        'flows',
      )
    yield rowOf(world, policy, {
      ...{...NONE, denied: 0, rules: [], changes},
      ...{wouldAllow: flowsThat('allow'), wouldDeny: flowsThat('deny')},
    })
  }
}

export function tierRows(world: World, totals: PolicyTotals): TierRow[] {
  const ends = totals.rules().filter(({reason}) => reason === 'tier')
  return world.policies.tiers.map(({meta, order, defaultAction}) => ({
    name: meta.name,
    order,
    defaultAction,
    policies: world.policies.policies.filter(({tier}) => tier === meta.name).length,
    endDenied: sum(
      ends.filter(({tier}) => tier === meta.name),
      'packets',
    ),
  }))
}

function rowOf(world: World, policy: Policy, counts: PolicyCountsRow): PolicyStatus {
  const staged = policy.kind.startsWith('Staged')
  return {
    name: policy.meta.name,
    kind: policy.kind,
    staged,
    tier: policy.tier,
    order: policy.order,
    selector: policy.selector,
    types: policy.types,
    rules: policy.ingress.length + policy.egress.length,
    site: world.authorities.get(`${policy.kind} ${policy.meta.name}`) ?? '',
    counts,
  }
}

/** The sums are of what the policy decided: what its Pass and Log rules matched was decided elsewhere. */
function countsOf(
  policy: Policy,
  decided: readonly RuleTotal[],
  met: readonly MetTotal[],
  every: boolean,
): PolicyCountsRow {
  const all = [...decided, ...met]
  const rules = DIRECTIONS.flatMap((direction) => ruleCounts(policy, direction, all, every))
  return {
    ...tally(decided),
    denied: sum(
      decided.filter(({action}) => action === 'deny'),
      'packets',
    ),
    ...{wouldAllow: null, wouldDeny: null, rules, changes: []},
  }
}

/** Of rules by their place in the list, then what no single one decided; a rule that is no more still has its counts. */
function ruleCounts(
  policy: Policy,
  direction: Direction,
  totals: readonly (RuleTotal | MetTotal)[],
  every: boolean,
): RuleCounts[] {
  const own = totals.filter((total) => total.direction === direction)
  const rules = policy[direction]
  const places = new Set<number | null>(own.map(({rule}) => rule))
  if (every) for (const index of rules.keys()) places.add(index)
  const last = Number.MAX_SAFE_INTEGER
  return [...places]
    .sort((a, b) => (a ?? last) - (b ?? last))
    .flatMap((place) => {
      const found = own.filter(({rule}) => rule === place)
      // Of no single rule there may be several kinds: allowed, denied, and not known which.
      if (found.length > 0)
        return found.map((total) => ({direction, rule: place, action: total.action, ...tally([total])}))
      const rule = rules[place ?? last]
      return rule ? [{direction, rule: place, action: ACTIONS[rule.action], ...NONE}] : []
    })
}

const ACTIONS: Readonly<Record<Rule['action'], RuleCounts['action']>> = {
  ...{Allow: 'allow', Deny: 'deny', Pass: 'pass', Log: 'log'},
}

const placeOf = (tier: string | null, policy: string): string => `${tier}/${policy}`

function byPlace<T extends {readonly tier: string | null; readonly policy: string | null}>(
  totals: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const places = new Map<string, T[]>()
  for (const total of totals) {
    if (total.policy === null) continue
    const place = placeOf(total.tier, total.policy)
    const own = places.get(place)
    if (own) own.push(total)
    else places.set(place, [total])
  }
  return places
}

const sum = (tallies: readonly Tally[], what: keyof Tally): number => tallies.reduce((all, one) => all + one[what], 0)

const tally = (tallies: readonly Tally[]): Tally => ({
  flows: sum(tallies, 'flows'),
  packets: sum(tallies, 'packets'),
  bytes: sum(tallies, 'bytes'),
})
