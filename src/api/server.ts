import {chmod, mkdir, rm} from 'node:fs/promises'
import {createServer, type Server} from 'node:http'
import {connect} from 'node:net'
import path from 'node:path'
import type {ApiListen} from '../model/index.ts'
import type {Address} from '../net/index.ts'
import type {Audit} from './audit.ts'
import {nobody} from './caller.ts'
import {readConsole} from './console-files.ts'
import {createEventHub} from './event-hub.ts'
import type {GatewayView} from './gateway-view.ts'
import {createKeptListener, listenAt} from './kept-listener.ts'
import {createListings} from './listing.ts'
import {createLogins} from './logins.ts'
import {socketCaller} from './peer-credentials.ts'
import {createRateLimits} from './rate-limits.ts'
import {respond, SERVER_OPTIONS} from './respond.ts'
import type {Served} from './route.ts'
import {refuseForeignOrigin, tlsCaller} from './tls-caller.ts'
import {createTlsListener, MOST_CONNECTIONS} from './tls-listener.ts'

export interface MetricsPlace {
  readonly address: Address
  readonly port: number
}

export interface ApiOptions {
  readonly view: GatewayView
  /** Absent: changes are written down nowhere. */
  readonly audit?: Audit
  readonly socketPath: string
  readonly metrics: MetricsPlace | null
  /** Over TLS; absent or null: not there. */
  readonly listen?: ApiListen | null
  /** Where the console lies as it was built; absent: it is not served. */
  readonly consoleFolder?: string
  /** A request that failed for a fault of ours; the caller got `internal`. */
  readonly onError: (error: unknown, request: string) => void
}

export interface RunningApi {
  /** The TCP port really taken (`port: 0` leaves the choice to the kernel); null: not there, or not yet. */
  metricsPort(): number | null
  /** Moves metrics to another address, or away; what cannot be is told by `metricsProblem`. */
  metricsOn(wanted: MetricsPlace | null): Promise<void>
  metricsProblem(): string | null
  /** The same over TLS; null: not there, or not yet. */
  tlsPort(): number | null
  /** Moves to another address, certificate or list of clients; what cannot be is told by `tlsProblem`. */
  listenOn(wanted: ApiListen | null): Promise<void>
  tlsProblem(): string | null
  /** Looks at once whether certificates are others; it does so by itself, too. */
  rereadCertificates(): Promise<void>
  /** Ends all connections, requests under way included, and removes the socket. */
  close(): Promise<void>
}

/**
 * Listens on the Unix socket. Rejects where it cannot: a folder that may not be written, another daemon that answers on the
 * socket. A socket file that nobody answers on is what a killed daemon left. What listens on TCP, TLS and metrics, comes when it
 * can, since the gateway's work does not hang on it.
 */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const {view, audit = NO_AUDIT, socketPath, metrics, listen: tls, onError} = options
  await mkdir(path.dirname(socketPath), {recursive: true})
  await removeStale(socketPath)
  const nowMs = (): number => performance.now()
  const wallIso = (): string => new Date().toISOString()
  const hub = createEventHub({
    ...{view, nowMs, wallIso},
    onError: (error) => onError(error, 'look at what changed'),
  })
  const logins = createLogins(Date.now)
  const page = options.consoleFolder === undefined ? null : await readConsole(options.consoleFolder)
  const served: Served = {
    view,
    hub,
    logins,
    audit,
    console: page,
    listings: createListings(nowMs),
    listens: () => placeText(secure.wanted()),
  }
  const limits = createRateLimits(nowMs)
  const respondTo = (scope: 'full' | 'plain') => respond({served, scope, limits, onError})

  const full = respondTo('full')
  const api = createServer(SERVER_OPTIONS, (request, response) => {
    void socketCaller(request.socket).then((caller) => full(request, response, caller))
  })
  const rules = () => secure.wanted()?.clients ?? []
  const secure = createTlsListener({
    server: SERVER_OPTIONS,
    listener: (request, response) => {
      const refusal = refuseForeignOrigin(request)
      full(request, response, tlsCaller(request, {logins, rules, wallMs: Date.now}), refusal)
    },
  })
  const plain = respondTo('plain')
  const exporter = createKeptListener<MetricsPlace>({
    async open({address, port}) {
      const server = createServer(SERVER_OPTIONS, (request, response) => {
        plain(request, response, nobody(request.socket.remoteAddress ?? null))
      })
      server.maxConnections = MOST_CONNECTIONS
      await listenAt(server, address, port)
      return server
    },
    placeOf: (place) => place,
  })
  const closeAll = async (): Promise<void> => {
    hub.close()
    await Promise.all([close(api), secure.close(), exporter.close()])
  }
  try {
    await listen(api, socketPath)
    await chmod(socketPath, 0o660)
  } catch (error) {
    await closeAll()
    throw error
  }
  await Promise.all([secure.set(tls ?? null), exporter.set(metrics)])
  hub.look()
  return {
    metricsPort: exporter.port,
    metricsOn: exporter.set,
    metricsProblem: exporter.problem,
    tlsPort: secure.port,
    listenOn: secure.set,
    tlsProblem: secure.problem,
    rereadCertificates: secure.reread,
    close: closeAll,
  }
}

const NO_AUDIT: Audit = {
  begin: async () => async () => undefined,
  read: async () => ({entries: [], more: false}),
}

const placeText = (wanted: ApiListen | null): string | null =>
  wanted && `${wanted.address.includes(':') ? `[${wanted.address}]` : wanted.address}:${wanted.port}`

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({path}, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function removeStale(socketPath: string): Promise<void> {
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(socketPath)
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
  if (answered) throw new Error(`another isthmus answers on ${socketPath}`)
  await rm(socketPath, {force: true})
}
