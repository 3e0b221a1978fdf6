import type {ClassRow, ConflictRow, GatewayRow, Kind, NodeRow, PolicyStatus, Rows} from '../api/index.ts'
import {type Finding, type NodeSessions, type SiteName, sessionName, type Uplink, type World} from '../model/index.ts'
import type {Compiled} from '../policy/index.ts'
import {neighborTest} from '../routing/index.ts'
import {endpointRows} from './endpoint-rows.ts'
import {policyRows, stagedRows, tierRows} from './policy-rows.ts'
import type {Runtime} from './runtime.ts'
import {datastoreRows, sessionRows, siteRows, tunnelRows} from './summaries.ts'

/** What `get KIND [NAME]` gives, lazily: an endpoint list may be a million long, and the reader takes what it asked for. */
export function* rowsOf<K extends Kind>(
  runtime: Runtime,
  kind: K,
  name: string | null,
  nowMs: number,
): Iterable<Rows[K]> {
  for (const row of allRows(runtime, kind, name, nowMs) as Iterable<Rows[K]>) {
    if (name === null || nameOf(row) === name) yield row
  }
}

function nameOf(row: Rows[Kind]): string {
  if ('name' in row) return row.name
  if ('over' in row) return row.over
  return 'address' in row ? row.address : row.code
}

function allRows(runtime: Runtime, kind: Kind, name: string | null, nowMs: number): Iterable<Rows[Kind]> {
  const world = runtime.world()
  switch (kind) {
    case 'tunnels':
      return tunnelRows(runtime)
    case 'sessions':
      return sessionRows(runtime)
    case 'datastores':
      return datastoreRows(runtime, nowMs)
    case 'sites':
      return siteRows(runtime)
    case 'gateways':
      return gatewayRows(world, runtime.publishing)
    case 'endpoints':
      return endpointRows(world)
    case 'policies':
      return bothKinds(runtime, name !== null)
    case 'tiers':
      return tierRows(world, runtime.counts.totals)
    case 'findings':
      return runtime.findings()
    case 'conflicts':
      return conflictRows(runtime.findings())
    case 'nodes':
      return nodeRows(world, runtime.config.nodes)
    case 'classes':
      return classRows(runtime.compiled())
    case 'writebacks':
      return runtime.writeBack.rows()
  }
}

function* bothKinds(runtime: Runtime, every: boolean): Generator<PolicyStatus> {
  const [world, {totals}] = [runtime.world(), runtime.counts]
  yield* policyRows(world, totals, every)
  yield* stagedRows(world, totals)
}

/** Of the own site also those that are only known to live. */
export function gatewayRows(
  world: Pick<World, 'sites' | 'local'>,
  publishing: Pick<Runtime['publishing'], 'leadership' | 'living'>,
): GatewayRow[] {
  const living = publishing.living()
  const {leader} = publishing.leadership()
  const rowOf = (site: SiteName, name: string, uplinks: readonly Uplink[]): GatewayRow => {
    const local = site === world.local
    return {
      name: `${site}/${name}`,
      site,
      local,
      uplinks: uplinks.map((uplink) => `${uplink.name} ${uplink.address}`),
      alive: local ? living.has(name) : null,
      leader: local && name === leader,
    }
  }
  return [...world.sites.values()].flatMap((site) => {
    const known = site.gateways.map(({name, uplinks}) => rowOf(site.name, name, uplinks))
    if (site.name !== world.local) return known
    const others = [...living].filter((name) => site.gateways.every((gateway) => gateway.name !== name))
    return [...known, ...others.map((name) => rowOf(site.name, name, []))].sort((a, b) => (a.name < b.name ? -1 : 1))
  })
}

function conflictRows(findings: readonly Finding[]): ConflictRow[] {
  return findings.flatMap(({code, severity, remedy = null, conflict}) =>
    conflict ? [{...conflict, code, severity, remedy}] : [],
  )
}

export function nodeRows(world: World, nodes: NodeSessions | null): NodeRow[] {
  const isNeighbor = nodes ? neighborTest(nodes) : () => false
  return world.nodes.map((node) => {
    const {meta, addresses, bgp} = node
    const address = addresses[0]?.address
    return {
      name: meta.name,
      source: `datastore of site ${world.local}`,
      addresses: addresses.map(({address: own, length}) => `${own}/${length}`),
      session: bgp && address && isNeighbor(node) ? sessionName('node', meta.name, `${meta.name} ${address}`) : null,
    }
  })
}

function classRows(compiled: Compiled | null): ClassRow[] {
  if (!compiled) return []
  const addresses = new Map<number, number>()
  for (const number of compiled.state.numbering.hosts.values()) addresses.set(number, (addresses.get(number) ?? 0) + 1)
  return [...new Set(compiled.state.numbering.numbers.flatMap((number) => number ?? []))]
    .sort((a, b) => a - b)
    .map((number) => ({name: String(number), addresses: addresses.get(number) ?? 0, site: null, labels: {}}))
}
