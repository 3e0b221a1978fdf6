import type {ClassRow, ConflictRow, Found, GatewayRow, Kind, Meant, PolicyStatus, Rows} from '../api/index.ts'
import type {Finding, SiteName, Uplink, World} from '../model/index.ts'
import type {Compiled} from '../policy/index.ts'
import {evaluateSelector, parseSelector, type Selector, selectorProblem} from '../selectors/index.ts'
import {findEndpoints} from './find-endpoints.ts'
import {nodeRows} from './node-rows.ts'
import {peerRows} from './peer-rows.ts'
import {policyRows, stagedRows, tierRows} from './policy-rows.ts'
import {routeRows} from './route-rows.ts'
import type {Runtime} from './runtime.ts'
import {datastoreRows, sessionRows, siteRows, tunnelRows} from './summaries.ts'

/**
 * What `get KIND [NAME] [-l SELECTOR]` gives, lazily: an endpoint list may be a million long, and the reader takes what it
 * asked for.
 */
export function rowsOf<K extends Kind>(
  runtime: Runtime,
  kind: K,
  meant: Meant,
  nowMs: number,
): Found<K> | Promise<Found<K>> {
  const found = foundRows(runtime, kind, meant, nowMs)
  return found as Found<K> | Promise<Found<K>>
}

function foundRows(runtime: Runtime, kind: Kind, {name = null, selector = null, text = null}: Meant, nowMs: number) {
  let ast: Selector | null = null
  if (selector !== null) {
    const parsed = parseSelector(selector)
    if (!parsed.ok) return {code: 'bad-request', problem: selectorProblem(selector, parsed)} as const
    ast = parsed.ast
  }
  if (kind === 'endpoints') return findEndpoints(runtime.world, {name, selector: ast, text})
  if (text !== null)
    return {code: 'bad-request', problem: `only endpoints are searched by text, ${kind} are not`} as const
  const isMeant = ast === null ? () => true : labelTest(runtime.world(), kind, ast)
  if (isMeant === null) {
    return {code: 'bad-request', problem: `${kind} have no labels; ${LABELLED.join(', ')} have`} as const
  }
  return kind === 'routes' ? routeRows(runtime, name) : filtered(runtime, kind, name, isMeant, nowMs)
}

function* filtered(
  runtime: Runtime,
  kind: ShownKind,
  name: string | null,
  isMeant: (row: Rows[Kind]) => boolean,
  nowMs: number,
): Generator<Rows[Kind]> {
  for (const row of allRows(runtime, kind, name, nowMs)) {
    if ((name === null || nameOf(row) === name) && isMeant(row)) yield row
  }
}

type ShownKind = Exclude<Kind, 'endpoints' | 'routes'>

const LABELLED: readonly Kind[] = ['endpoints', 'policies', 'tiers', 'nodes']

/** null: objects of this kind have no labels. */
function labelTest(world: World, kind: Kind, selector: Selector): ((row: Rows[Kind]) => boolean) | null {
  if (!LABELLED.includes(kind)) return null
  const {policies, staged} = world
  const metas = kind === 'nodes' ? world.nodes : kind === 'tiers' ? policies.tiers : [...policies.policies, ...staged]
  const labelled = new Map(metas.map(({kind: own, meta}) => [`${own} ${meta.name}`, meta.labels]))
  const kindOf = (row: Rows[Kind]): string => (kind === 'policies' && 'kind' in row ? row.kind : metas[0]!.kind)
  return (row) => {
    const labels = labelled.get(`${kindOf(row)} ${nameOf(row)}`) ?? {}
    return evaluateSelector(selector, (label) => (Object.hasOwn(labels, label) ? labels[label] : undefined))
  }
}

function nameOf(row: Rows[Kind]): string {
  if ('name' in row) return row.name
  if ('over' in row) return row.over
  return 'address' in row ? row.address : row.code
}

function allRows(runtime: Runtime, kind: ShownKind, name: string | null, nowMs: number): Iterable<Rows[Kind]> {
  const world = runtime.world()
  switch (kind) {
    case 'tunnels':
      return tunnelRows(runtime)
    case 'sessions':
      return sessionRows(runtime)
    case 'peers':
      return peerRows(runtime)
    case 'datastores':
      return datastoreRows(runtime, nowMs)
    case 'sites':
      return siteRows(runtime)
    case 'gateways':
      return gatewayRows(world, runtime.publishing)
    case 'policies':
      return bothKinds(runtime, name !== null)
    case 'tiers':
      return tierRows(world, runtime.counts.totals)
    case 'findings':
      return runtime.findings()
    case 'conflicts':
      return conflictRows(runtime.findings())
    case 'nodes':
      return nodeRows(world, runtime.config)
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

function classRows(compiled: Compiled | null): ClassRow[] {
  if (!compiled) return []
  const addresses = new Map<number, number>()
  for (const number of compiled.state.numbering.hosts.values()) addresses.set(number, (addresses.get(number) ?? 0) + 1)
  return [...new Set(compiled.state.numbering.numbers.flatMap((number) => number ?? []))]
    .sort((a, b) => a - b)
    .map((number) => ({name: String(number), addresses: addresses.get(number) ?? 0, site: null, labels: {}}))
}
