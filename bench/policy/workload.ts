import {
  type AttributeSet,
  type AttributeSetId,
  attributeSetId,
  type EntityRule,
  type Member,
  type Policy,
  type Rule,
  type SiteName,
  type SourceId,
  type Tier,
  type World,
} from '../../src/model/index.ts'
import {type Address, addressFromNumber, type Prefix} from '../../src/net/index.ts'
import {attributes, entity, policy, prefix, rule, tier} from '../../test/policy/worlds.ts'
import {type Random, seededRandom} from './random.ts'

/** The fixed workload of docs/performance.md: figures of different days are of the same policies. */
export interface Workload {
  readonly world: World
  /** Every pod, in the order of its attribute set. */
  readonly endpoints: readonly Endpoint[]
}

export interface Endpoint {
  readonly address: Address
  readonly site: string
  readonly attributes: AttributeSetId
}

export interface WorkloadSize {
  readonly policies: number
  readonly endpoints: number
  readonly attributeSets: number
  /** The worst case instead: each policy's selectors ask for labels of its own. */
  readonly unrelated?: boolean
}

export const FULL_SIZE: WorkloadSize = {policies: 10_000, endpoints: 100_000, attributeSets: 2_000}
const SEED = 20_26

export const SITES = ['a', 'b', 'c', 'd', 'e'] as const
const APPS_OF_TEAM = 5
const ROLES = ['web', 'api', 'db', 'cache', 'queue', 'batch'] as const
const ENVIRONMENTS = ['prod', 'stage', 'test', 'dev'] as const
const ZONES = 10
export const UDP_PORTS = [53, 123, 514, 1812, 3478, 4433, 5060, 8125] as const
const TCP_PORTS = [22, 80, 443, 3306, 5432, 6379, 8080, 8443, 9092, 9200, 15672, 27017] as const
/** Outer tiers leave what they do not decide to the next; the fourth one closes. */
const TIERS: readonly Tier[] = [
  tier('security', 100, 'Pass'),
  tier('platform', 200, 'Pass'),
  tier('network', 300, 'Pass'),
  tier('application', 400, 'Deny'),
  tier('baseline', 500, 'Pass'),
]

/** Site `index` owns 10.(16 × (index + 1)).0.0/12. */
export const sitePrefix = (index: number): Prefix => prefix(`10.${16 * (index + 1)}.0.0/12`)
const siteBase = (index: number): number => (10 << 24) + ((16 * (index + 1)) << 16)

/** The workload with the first `policies` of the fixed list, over so many endpoints. */
export function workloadOf({policies, endpoints: count, attributeSets, unrelated}: WorkloadSize): Workload {
  const apps = attributeSets / SITES.length
  const drawn = Array.from({length: attributeSets}, (_, index) => setOf(index, seededRandom(SEED + index)))
  const sets = unrelated ? drawn.map((one, index) => ({...one, set: withOwnLabels(one.set, index, policies)})) : drawn
  const ids = sets.map(({set}) => attributeSetId(set))
  const members = new Map<Prefix, readonly Member[]>()
  const member = (site: string, id: AttributeSetId): Member => ({
    site: site as SiteName,
    attributes: id,
    source: `export/${site}` as SourceId,
    names: [],
    modRevision: 1,
  })
  const byId = new Map<AttributeSetId, AttributeSet>(sets.map(({set}, index) => [ids[index]!, set]))
  for (const [index, site] of SITES.entries()) {
    const own = attributes('prefix', {labels: {'isthmus.io/site': site}})
    byId.set(attributeSetId(own), own)
    members.set(sitePrefix(index), [member(site, attributeSetId(own))])
  }
  const endpoints: Endpoint[] = []
  // The pods of one set have neighbouring addresses, as where each namespace has its pool.
  const next = SITES.map((_, index) => siteBase(index) + 1)
  for (const [index, {site}] of sets.entries()) {
    const share = Math.floor((count * (index + 1)) / attributeSets) - Math.floor((count * index) / attributeSets)
    const shared = [member(site, ids[index]!)]
    for (let pod = 0; pod < share; pod++) {
      const address = addressFromNumber(BigInt(next[SITES.indexOf(site)]!++), 4)
      endpoints.push({address, site, attributes: ids[index]!})
      members.set(`${address}/32` as Prefix, shared)
    }
  }
  const world: World = {
    local: 'a' as SiteName,
    sites: new Map(),
    attributes: byId,
    members,
    memberRevision: 1,
    staged: [],
    documents: new Map(),
    authorities: new Map(),
    refused: new Map(),
    policies: {tiers: TIERS, policies: unrelated ? unrelatedPolicies(policies) : policyList(policies, apps)},
    nodes: [],
    nat: [],
    blocks: [],
    sources: new Map(),
    findings: [],
  }
  return {world, endpoints}
}

/** Attribute set `index`: one app in one site. An app has one team and one role; where it runs differs. */
function setOf(index: number, random: Random): {site: (typeof SITES)[number]; set: AttributeSet} {
  const app = Math.floor(index / SITES.length)
  const site = SITES[index % SITES.length]!
  const role = ROLES[(app * 7) % ROLES.length]!
  const team = Math.floor(app / APPS_OF_TEAM)
  const labels = {
    app: `app-${app}`,
    team: `team-${team}`,
    role,
    env: random.pick(ENVIRONMENTS),
    zone: `zone-${random.below(ZONES)}`,
    'isthmus.io/site': site,
  }
  const ports: AttributeSet['ports'] =
    role === 'web' || role === 'api'
      ? [{name: 'http', protocol: 'tcp', port: random.pick([8080, 8081, 8082])}]
      : [{name: 'data', protocol: 'tcp', port: random.pick([5432, 6379])}]
  return {site, set: attributes('pod', {labels, namespace: `ns-${team}`, serviceAccount: role, ports})}
}

/** The first `count` policies; which they are does not depend on `count`. */
export function policyList(count: number, apps: number): Policy[] {
  return Array.from({length: count}, (_, index) => policyOf(index, apps, seededRandom(SEED * 1000 + index)))
}

function policyOf(index: number, apps: number, random: Random): Policy {
  const tierName = random.chance(0.6) ? 'application' : random.pick(['security', 'platform', 'network', 'baseline'])
  // Three quarters of the apps have no egress policy that closes, as is common.
  const restricted = random.chance(0.25)
  const app = restricted ? random.below(apps / 4) : apps / 4 + random.below((apps * 3) / 4)
  const types: Policy['types'] =
    tierName === 'application' && !restricted
      ? ['ingress']
      : random.pick([['ingress'], ['egress'], ['ingress', 'egress']] as const)
  const rules = (direction: 'ingress' | 'egress'): Rule[] =>
    types.includes(direction) ? Array.from({length: 1 + random.below(4)}, () => ruleOf(direction, apps, random)) : []
  return policy(`policy-${index}`, {
    tier: tierName,
    order: random.below(1000),
    selector: selectorOf(app, random),
    types,
    ingress: rules('ingress'),
    egress: rules('egress'),
  })
}

function ruleOf(direction: 'ingress' | 'egress', apps: number, random: Random): Rule {
  const drawn = random.unit()
  const action = drawn < 0.75 ? 'Allow' : drawn < 0.9 ? 'Deny' : drawn < 0.98 ? 'Pass' : 'Log'
  const far = farEnd(apps, random)
  const {traffic, ports} = trafficOf(random)
  const source = direction === 'ingress' ? far : entity()
  const destination = direction === 'ingress' ? entity() : far
  return rule(action, {...traffic, source, destination: {...destination, ports}})
}

/** Nine of ten by selector, the tenth by nets; half of these say both. */
function farEnd(apps: number, random: Random): EntityRule {
  const selector = selectorOf(random.below(apps), random)
  if (!random.chance(0.1)) return entity({selector})
  const net = (): Prefix =>
    random.chance(0.8)
      ? prefix(`172.${16 + random.below(2)}.${random.below(80)}.0/24`)
      : prefix(`10.${16 * (1 + random.below(SITES.length))}.${random.below(5) * 16}.0/20`)
  const nets = Array.from({length: 1 + random.below(3)}, net)
  return random.chance(0.5) ? entity({nets}) : entity({selector, notNets: nets})
}

/** One to four terms; the first one means an app, a few apps or a team, the others narrow it. */
function selectorOf(app: number, random: Random): string {
  const drawn = random.unit()
  const anchor =
    drawn < 0.8
      ? `app == 'app-${app}'`
      : drawn < 0.95
        ? `app in {'app-${app}', 'app-${app + 1}', 'app-${app + 2}'}`
        : `team == 'team-${Math.floor(app / APPS_OF_TEAM)}'`
  const others = [
    () => `env == '${random.pick(ENVIRONMENTS)}'`,
    () => `env != '${random.pick(ENVIRONMENTS)}'`,
    () => `role in {'${random.pick(ROLES)}', '${random.pick(ROLES)}', '${random.pick(ROLES)}'}`,
    () => `isthmus.io/site == '${random.pick(SITES)}'`,
    () => `isthmus.io/site in {'${random.pick(SITES)}', '${random.pick(SITES)}'}`,
    () => `zone != 'zone-${random.below(ZONES)}'`,
  ]
  const terms = random.pick([0, 1, 1, 2, 2, 3])
  return [anchor, ...Array.from({length: terms}, () => random.pick(others)())].join(' && ')
}

function trafficOf(random: Random): {traffic: Pick<Rule, 'protocol' | 'icmp'>; ports: EntityRule['ports']} {
  const drawn = random.unit()
  const range = (first: number, last: number) => ({ranges: [{first, last}], names: []})
  const none = {icmp: null}
  if (drawn < 0.15) return {traffic: {protocol: null, ...none}, ports: null}
  if (drawn < 0.45) {
    const port = random.pick(UDP_PORTS)
    return {traffic: {protocol: 17, ...none}, ports: range(port, port)}
  }
  if (drawn < 0.85) {
    const port = random.pick(TCP_PORTS)
    return {traffic: {protocol: 6, ...none}, ports: range(port, port)}
  }
  if (drawn < 0.92)
    return {traffic: {protocol: 6, ...none}, ports: {ranges: [], names: [random.pick(['http', 'data'])]}}
  if (drawn < 0.97) return {traffic: {protocol: 6, ...none}, ports: range(30000, 32767)}
  return {traffic: {protocol: 1, icmp: {type: 8, code: null}}, ports: null}
}

/** Labels that only one policy asks for: each attribute set has forty, as a subject or as a peer. */
function withOwnLabels(set: AttributeSet, index: number, policies: number): AttributeSet {
  const random = seededRandom(SEED * 3 + index)
  const labels = Object.fromEntries(
    Array.from({length: 40}, () => [`${random.pick(['subject', 'peer'])}-${random.below(policies)}`, 'yes']),
  )
  return {...set, labels: {...set.labels, ...labels}}
}

/** No two of them share a label, so that no two attribute sets are alike and no answer serves twice. */
function unrelatedPolicies(count: number): Policy[] {
  return Array.from({length: count}, (_, index) =>
    policy(`policy-${index}`, {
      tier: 'application',
      order: index,
      selector: `has(subject-${index})`,
      types: ['ingress'],
      ingress: [
        rule('Allow', {
          protocol: 6,
          source: entity({selector: `has(peer-${index})`}),
          destination: entity({
            ports: {ranges: [{first: 1000 + (index % 100), last: 1000 + (index % 100)}], names: []},
          }),
        }),
      ],
    }),
  )
}
