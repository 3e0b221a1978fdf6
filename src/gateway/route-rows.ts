import type {Found, RouteRow} from '../api/index.ts'
import {BirdClient, BirdUnreachable} from '../bird/index.ts'
import {type BirdRoute, sessionKind} from '../model/index.ts'
import {hostPrefix, type Prefix, PrefixTable, parseAddress, parseCidr} from '../net/index.ts'
import {askRoutes, type RouteQuestion} from '../observe/index.ts'
import {peerNames} from './peer-rows.ts'
import type {Runtime} from './runtime.ts'

export type Routed = Pick<Runtime, 'config' | 'last' | 'world'>

/** BIRD answers from memory; of half a million routes it has much to say. */
const ANSWER_MS = 20_000

/**
 * BIRD's routes: all, those of one prefix with all attributes, or those of the prefix that holds an address.
 *
 * Over a connection of its own: one that waits for half a million routes must hold up nobody.
 */
export async function routeRows(runtime: Routed, name: string | null): Promise<Found<'routes'>> {
  const question = name === null ? ({of: 'all'} as const) : questionOf(name)
  if (question === null) {
    return {code: 'bad-request', problem: `${name} is neither a prefix nor an address; such as 10.2.0.0/16 or 10.2.0.7`}
  }
  const routes = await askBird(runtime.config.paths.birdSocket, (ask) => ask(question))
  return routes === null ? BIRD_AWAY : rowsOf(runtime, routes)
}

export const BIRD_AWAY = {code: 'unavailable', problem: 'BIRD does not answer: see `isthmus get findings`'} as const

/** The answers to some questions over one connection; null: BIRD does not answer. */
export async function askBird<T>(
  socket: string,
  work: (ask: (question: RouteQuestion) => Promise<Iterable<BirdRoute>>) => Promise<T>,
): Promise<T | null> {
  const signal = AbortSignal.timeout(ANSWER_MS)
  let client: BirdClient | null = null
  try {
    client = await BirdClient.connect(socket, signal)
    const asked = client
    return await work((question) => askRoutes(asked, question, signal))
  } catch (error) {
    if (error instanceof BirdUnreachable) return null
    throw error
  } finally {
    client?.close()
  }
}

function questionOf(name: string): RouteQuestion | null {
  const address = parseAddress(name)
  if (address) return {of: 'for', prefix: hostPrefix(address)}
  const prefix = parseCidr(name)
  return prefix && {of: 'exactly', prefix}
}

function* rowsOf(runtime: Routed, routes: Iterable<BirdRoute>): Generator<RouteRow> {
  const peers = peerNames(runtime)
  const owners = new PrefixTable<string>(
    [...runtime.world().sites.values()].flatMap(({name, granted}) =>
      granted.map((prefix): [Prefix, string] => [prefix, name]),
    ),
  )
  for (const route of routes) yield routeRow(route, owners, peers)
}

function routeRow(
  {prefix, bgp, ...route}: BirdRoute,
  owners: PrefixTable<string>,
  peers: ReadonlyMap<string, string>,
): RouteRow {
  const {protocol} = route
  const kind = sessionKind(protocol) ?? (protocol === 'connected' ? 'connected' : 'static')
  const site = owners.covering(prefix) ?? null
  return {name: prefix, ...route, site, kind, peer: peers.get(protocol) ?? null, bgp}
}
