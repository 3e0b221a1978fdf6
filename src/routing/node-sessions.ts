import {
  type CalicoNode,
  type Finding,
  type GatewayConfig,
  NODE_DEVICE,
  type NodeSessions,
  sessionName,
} from '../model/index.ts'
import {type Address, type Family, familyOf, hostPrefix, prefixFamily} from '../net/index.ts'
import {evaluateSelector, parseSelector} from '../selectors/index.ts'
import type {BgpSession, BirdConfig, Change, Condition, FilterRule, StaticProtocol} from './bird-config.ts'
import {lastTranslatedProtocol, nearTable, type RoutingInput, translatedProtocol} from './input.ts'
import {ORDINARY} from './ordinary-session.ts'
import {
  FORGET,
  goingAway,
  inside,
  LOCAL_PREF,
  lastPrefOf,
  localPrefOf,
  meaningful,
  netIn,
  ownPrefixes,
} from './site-filters.ts'
import {twinSessionNames} from './twin-session.ts'

const MAX_PREFIXES = 10_000
/** A node has no BFD (Calico's BIRD does not offer it), so a short hold time is what notices its loss; 3 is BGP's least. */
const HOLD_SECONDS = {alone: 15, withTwin: 3}

/**
 * iBGP with the nodes of the own clusters, found in their Node resources.
 *
 * In: own prefixes only; local preference and MED are reset, since Calico sends 2147482623 (calico-model 5.1). Out:
 * remote prefixes while some gateway announces them, and the other nodes' blocks (`rr client`), so that two clusters
 * of one site learn each other, while these can be reached; next hop self, as nodes know no inner address.
 *
 * A session bears the family of its own addresses, as Calico's two BIRDs do. There is one of IPv6 where the site owns IPv6.
 *
 * A next hop counts while it is on a connected network, and never by a router of the WAN.
 *
 * Nodes behind a router (`ipip`): no router on the way knows pods. What a node announces is looked up in a table of its
 * own, where every node is at the far end of the device that wraps packets for it; the session itself goes by the router.
 */
export function planNodeSessions(
  input: RoutingInput,
  lastWays: readonly StaticProtocol[],
): {
  sessions: BgpSession[]
  statics: StaticProtocol[]
  tables: BirdConfig['tables']
  findings: Finding[]
} {
  const {config, world} = input
  const {nodes} = config
  if (nodes === null) return {sessions: [], statics: [], tables: [], findings: []}
  const sessions: BgpSession[] = []
  const findings: Finding[] = []
  const seen = new Map<Address, string>()
  const isNeighbor = neighborTest(nodes)
  for (const node of world.nodes.toSorted((a, b) => (a.meta.name < b.meta.name ? -1 : 1))) {
    if (!node.bgp || isGateway(config, node)) continue
    const addresses = spokenTo(config, nodes, node)
    if (addresses.length === 0) {
      const missing = familiesOf(config, nodes).map((family) => `IPv${family}`)
      const detail = `node ${node.meta.name} speaks BGP but has no ${missing.join(' or ')} address`
      findings.push(finding('node-without-address', node, detail))
    }
    for (const address of addresses) {
      const other = seen.get(address)
      if (other === undefined) {
        seen.set(address, node.meta.name)
        if (isNeighbor(node)) sessions.push(sessionWith(input, lastWays, nodes, node, address))
      } else if (other !== node.meta.name) {
        // Two clusters may hold one node; one session is then all that BIRD could have.
        findings.push(finding('address-duplicate', node, `nodes ${other} and ${node.meta.name} both have ${address}`))
      }
    }
  }
  const statics = nodes.ipip ? [waysToNodes([...seen.keys()].sort())] : []
  const tables = nodes.ipip ? [{name: NODE_TABLE, family: 4} as const] : []
  return {sessions, statics, tables, findings}
}

/** Calico's IPIP is IPv4 in IPv4. */
const familiesOf = ({owns}: GatewayConfig, {ipip}: NodeSessions): Family[] =>
  ([4, 6] as const).filter((family) => owns.some((own) => prefixFamily(own) === family) && !(ipip && family === 6))

/** The addresses of a node that the gateway speaks BGP with, if it does: the first of each family. */
const spokenTo = (config: GatewayConfig, nodes: NodeSessions, node: CalicoNode): Address[] =>
  familiesOf(config, nodes).flatMap(
    (family) => node.addresses.map(({address}) => address).find((address) => familyOf(address) === family) ?? [],
  )

const nameOf = (node: CalicoNode, neighbor: Address): string =>
  sessionName('node', node.meta.name, `${node.meta.name} ${neighbor}`)

/** Names of the sessions that the gateway has with a node. */
export function sessionsWith(config: GatewayConfig): (node: CalicoNode) => string[] {
  const {nodes} = config
  if (nodes === null) return () => []
  const isNeighbor = neighborTest(nodes)
  return (node) =>
    node.bgp && !isGateway(config, node) && isNeighbor(node)
      ? spokenTo(config, nodes, node).map((address) => nameOf(node, address))
      : []
}

/** Which nodes the gateway has sessions with: where route reflectors speak for the others these alone. */
function neighborTest({selector}: NodeSessions): (node: CalicoNode) => boolean {
  const parsed = selector === undefined ? null : parseSelector(selector)
  if (!parsed?.ok) return () => true
  return ({meta: {labels}}) =>
    evaluateSelector(parsed.ast, (label) => (Object.hasOwn(labels, label) ? labels[label] : undefined))
}

const NODE_TABLE = 'nodes4'

const waysToNodes = (addresses: readonly Address[]): StaticProtocol => ({
  name: 'nodeways4',
  family: 4,
  comment: "Nodes behind a router, by Calico's IPIP: only looked up, for what they announce.",
  preference: null,
  tables: {routes: NODE_TABLE},
  routes: addresses.map((address) => ({
    prefix: hostPrefix(address),
    to: {onlink: address, device: NODE_DEVICE},
  })),
})

/** This one and its twin, which is spoken with as what it is. */
function isGateway(
  {gateway, twin, uplinks, lan, nodes}: GatewayConfig,
  {meta: {name}, addresses}: CalicoNode,
): boolean {
  const own = new Set([
    ...uplinks.map(({address}) => address),
    ...(lan ? [lan.address, lan.twin] : []),
    ...[nodes?.nextHop ?? [], nodes?.nextHop6 ?? [], nodes?.ipip?.address ?? []].flat(),
  ])
  return name === gateway || name === twin || addresses.some(({address}) => own.has(address))
}

function sessionWith(
  {config, draining}: RoutingInput,
  lastWays: readonly StaticProtocol[],
  nodes: NodeSessions,
  node: CalicoNode,
  neighbor: Address,
): BgpSession {
  const family = familyOf(neighbor)
  const neighborAs = node.as ?? nodes.localAs
  const remote = [...config.sites.values()].flatMap((site) => site.owns)
  const translated = [...config.sites.values()].flatMap((site) => site.translations.map(({seen}) => seen))
  // Calico's BIRD knows no community, but iBGP carries the preference.
  const set: readonly Change[] = draining
    ? [...FORGET, ...goingAway(true), {attribute: 'local-pref', value: 0}]
    : [...localPrefOf(config), ...FORGET]
  const lastSet = config.twin === null || draining ? set : [lastPrefOf(config), ...FORGET]
  // Preference does not cross eBGP, and the twin may have a way that somebody tells.
  const longer: Change[] =
    config.twin === null || neighborAs === nodes.localAs
      ? []
      : [1, 2, 3].map(() => ({attribute: 'prepend', value: nodes.localAs}))
  // A way by the twin is no reason to come here: the twin tells of it itself.
  const fromRemote: Condition[] = [
    netIn(inside(remote, family)),
    {is: 'source', source: 'bgp'},
    {is: 'reachable'},
    ...twinSessionNames(config).map((protocol): Condition => ({is: 'not-from', protocol})),
  ]
  const lastRules: FilterRule[] =
    config.twin === null || draining
      ? []
      : [
          {
            when: [...fromRemote, {is: 'local-pref', value: 0}],
            verdict: 'accept',
            set: [lastPrefOf(config), ...FORGET],
          },
        ]
  return {
    ...ORDINARY,
    name: nameOf(node, neighbor),
    kind: 'node',
    comment: `node ${node.meta.name}`,
    local: nodes.ipip?.address ?? null,
    localAs: nodes.localAs,
    neighbor,
    neighborAs,
    // Calico's end is always multihop, and its TTL is an ordinary one.
    reach: 'multihop',
    rrClient: neighborAs === nodes.localAs,
    clusterId: neighborAs === nodes.localAs ? (nodes.clusterId ?? null) : null,
    nextHop: family === 4 ? (nodes.nextHop ?? nodes.ipip?.address ?? null) : (nodes.nextHop6 ?? null),
    igpTable: nodes.ipip ? NODE_TABLE : nearTable(family),
    gracefulRestart: config.twin === null ? true : 'last',
    holdSeconds: config.twin === null ? HOLD_SECONDS.alone : HOLD_SECONDS.withTwin,
    family,
    maxPrefixes: MAX_PREFIXES,
    import: meaningful([
      {
        when: [netIn(inside(config.owns, family))],
        verdict: 'accept',
        set: [{attribute: 'local-pref', value: LOCAL_PREF}, ...FORGET],
      },
    ]),
    export: meaningful([
      ...lastRules,
      {when: fromRemote, verdict: 'accept', set},
      {
        when: [netIn(inside(translated, family)), {is: 'from', protocol: translatedProtocol(family)}],
        verdict: 'accept',
        set,
      },
      {
        when: [netIn(inside(translated, family)), {is: 'from', protocol: lastTranslatedProtocol(family)}],
        verdict: 'accept',
        set: lastSet,
      },
      ...lastWays.flatMap((protocol): FilterRule[] =>
        protocol.family === family
          ? [{when: [{is: 'from', protocol: protocol.name}], verdict: 'accept', set: [...lastSet, ...longer]}]
          : [],
      ),
      {
        when: [...ownPrefixes(config, family), {is: 'reachable'}],
        verdict: 'accept',
        set,
      },
    ]),
  }
}

function finding(code: Finding['code'], node: CalicoNode, detail: string): Finding {
  return {code, severity: 'warning', where: {source: 'datastore', key: `nodes/${node.meta.name}`}, detail}
}
