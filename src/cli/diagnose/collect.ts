import {readFile} from 'node:fs/promises'
import {setTimeout as delay} from 'node:timers/promises'
import type {ApiClient} from '../../api/client.ts'
import {type Check, type Facts, neededModules, type Seen} from '../../diagnose/index.ts'
import {DEVICE_PREFIX, type GatewayConfig} from '../../model/index.ts'
import {placesOf} from '../diagnose-datastores.ts'
import {readCalico, readGateway, readHealth, readInForce, readSessions, saysOf} from './gateway.ts'
import {
  readAddresses,
  readLinks,
  readNeighbours,
  readRoutes,
  readRules,
  readSettings,
  readTables,
  readTcpCounters,
} from './kernel.ts'
import {look, then} from './look.ts'
import {readMachine} from './machine.ts'
import {readClocks, readTwin, readUnderlay} from './network.ts'

export interface CollectInput {
  readonly config: GatewayConfig
  readonly file: string
  readonly api: ApiClient
  readonly socket: string
  readonly nowMs: () => number
  readonly path: string
  /** What is slow to be had is had for who asks for it. */
  readonly wanted: readonly Check[]
}

/** What moves is watched for so long; longer while something is down, whose neighbour tries again once a second or so. */
const WATCH_MS = 1000
const WATCH_TROUBLE_MS = 3500

/** Every fact of a diagnosis, all looks at once where none needs another. Changes nothing. */
export async function collectFacts({config, file, api, socket, nowMs, path, wanted}: CollectInput): Promise<Facts> {
  const began = {
    gateway: readGateway(api),
    links: readLinks(),
    tcp: readTcpCounters(),
    router: readSessions(config.paths.birdSocket),
  }
  const addresses = readAddresses()
  const watched = watch(
    began,
    api,
    wanted.some(({watches}) => watches),
  )
  const [links, status] = await Promise.all([began.links, began.gateway])
  const remotes = api.get('gateways', null).then((answer) => (answer.ok ? answer.value.items : []))
  const tunnels = links.ok ? links.value.flatMap(({name}) => (name.startsWith(DEVICE_PREFIX) ? [name] : [])) : []
  const uplinks = config.uplinks.flatMap(({device}) => device ?? [])
  const [machine, kernel, underlay, other, twin, moved] = await Promise.all([
    readMachine(config, file, socket, path),
    readSettings([...uplinks, ...tunnels], neededModules({config})),
    status.ok
      ? remotes.then((gateways) => then(links, (all) => readUnderlay(config, all, gateways)))
      : then(links, (all) => readUnderlay(config, all, [])),
    readOthers(config, file, api, nowMs, wanted),
    addresses.then((seen) => readTwin(config, seen)),
    watched,
  ])
  return {
    ...other,
    ...moved,
    ...{nowMs: nowMs(), config, machine, kernel, links, underlay, twin},
    addresses: await addresses,
    gateway: status.ok ? {ok: true, value: saysOf(status.value)} : status,
    router: await began.router,
  }
}

async function readOthers(
  config: GatewayConfig,
  file: string,
  api: ApiClient,
  nowMs: () => number,
  wanted: readonly Check[],
) {
  const asked = <T>(is: (check: Check) => boolean, read: () => Promise<Seen<T>>): Promise<Seen<T>> | Seen<T> =>
    wanted.some(is) ? read() : {ok: false, why: 'nobody asked'}
  const [configText, configInForce, routes, rules, neighbours, tables, clocks, health, calico] = await Promise.all([
    look(file, () => readFile(file, 'utf8')),
    readInForce(api),
    readRoutes(),
    readRules(),
    readNeighbours(),
    readTables(),
    asked(
      ({code}) => code === 'clock-differs',
      () => readClocks(placesOf(config), nowMs),
    ),
    asked(
      ({theme}) => theme === 'policy',
      () => readHealth(config, api),
    ),
    asked(
      ({theme}) => theme === 'calico',
      () => readCalico(config),
    ),
  ])
  return {configText, configInForce, routes, rules, neighbours, tables, clocks, health, calico}
}

type Began = {
  readonly gateway: ReturnType<typeof readGateway>
  readonly links: ReturnType<typeof readLinks>
  readonly tcp: ReturnType<typeof readTcpCounters>
  readonly router: ReturnType<typeof readSessions>
}

/** The second look at what counts up. */
async function watch(
  began: Began,
  api: ApiClient,
  watches: boolean,
): Promise<Pick<Facts, 'watchedSeconds' | 'gatewayLater' | 'linksLater' | 'tcp'>> {
  const [before, router] = await Promise.all([began.tcp, began.router, began.links, began.gateway])
  const fromMs = performance.now()
  const isWell = !router.ok || router.value.sessions.every(({up}) => up)
  if (watches) await delay(isWell ? WATCH_MS : WATCH_TROUBLE_MS)
  const [tcp, linksLater, status] = await Promise.all([
    readTcpCounters(),
    readLinks(),
    began.gateway.then(({ok}) => (ok ? readGateway(api) : began.gateway)),
  ])
  const gatewayLater: Facts['gatewayLater'] = status.ok ? {ok: true, value: saysOf(status.value)} : status
  return {watchedSeconds: (performance.now() - fromMs) / 1000, gatewayLater, linksLater, tcp: risen(before, tcp)}
}

type Counters = Awaited<ReturnType<typeof readTcpCounters>>

function risen(before: Counters, after: Counters): Seen<{passwordFaults: number; ttlFaults: number}> {
  if (!before.ok) return before
  if (!after.ok) return after
  const [a, b] = [before.value, after.value]
  return {ok: true, value: {passwordFaults: b.passwordFaults - a.passwordFaults, ttlFaults: b.ttlFaults - a.ttlFaults}}
}
