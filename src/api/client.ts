/**
 * How the command line and the console ask a gateway: the only file of the API that outsiders use. It loads no part of
 * the server; an answer that does not come is data, since what to do about it differs from caller to caller.
 */
import {readFile} from 'node:fs/promises'
import {request} from 'node:http'
import type {RequestOptions} from 'node:https'
import type {ErrorBody, ErrorCode} from './answer.ts'
import type {AuditAnswer} from './audit.ts'
import {type GatewayEvent, openEvents} from './client-events.ts'
import type {ConfigChange, ConfigHistoryAnswer, ConfigInForce} from './config-view.ts'
import type {GatewayStatus, Kind, Meant, Reach, ReloadResult, Rows, WhyNot} from './gateway-view.ts'
import type {LogAnswer, LoginToken} from './live-view.ts'

export type {AuditEntry} from './audit.ts'
export type {GatewayEvent} from './client-events.ts'
export type * from './config-view.ts'
export type * from './console-view.ts'
export type * from './gateway-view.ts'
export {KINDS} from './gateway-view.ts'
export type * from './live-view.ts'
export {VERSION} from './version.ts'

export type Answer<T> =
  | {readonly ok: true; readonly value: T}
  /** `unreachable`: nobody answered; else what the gateway refused, and why. */
  | {
      readonly ok: false
      readonly code: 'unreachable' | ErrorCode
      readonly message: string
      readonly findings: ReloadResult['findings']
    }

export interface Listing<K extends Kind> {
  readonly kind: K
  readonly items: readonly Rows[K][]
  /** There are more than were asked for. */
  readonly more: boolean
  /** What to ask with as `cursor` for these; null: there are none. */
  readonly next: string | null
}

/** Which objects of a kind. */
export interface ListQuery extends Pick<Meant, 'selector' | 'text'> {
  readonly limit?: number
  /** `next` of the page before. */
  readonly cursor?: string | null
}

export type ConfigChanged = Omit<Extract<ConfigChange, {ok: true}>, 'ok'>

export interface ApiClient {
  status(): Promise<Answer<GatewayStatus>>
  /** `limit` 0 means all. */
  get<K extends Kind>(kind: K, name: string | null, query?: ListQuery): Promise<Answer<Listing<K>>>
  whyNot(prefix: string): Promise<Answer<WhyNot>>
  reach(address: string): Promise<Answer<Reach>>
  /** `stations`: with what each of them says, and every rule there. */
  trace(flow: unknown, stations?: boolean): Promise<Answer<Readonly<Record<string, unknown>>>>
  reload(): Promise<Answer<Pick<ReloadResult, 'findings'>>>
  drain(on: boolean): Promise<Answer<Pick<GatewayStatus, 'drainingSince'>>>
  /** The OpenAPI document. */
  openApi(): Promise<Answer<Readonly<Record<string, unknown>>>>
  /** What has changed, the newest first. */
  log(limit: number): Promise<Answer<LogAnswer>>
  /** What changes as it does, after the event of that id; ends with the connection. */
  events(after: string | null, signal: AbortSignal): Promise<Answer<AsyncIterable<GatewayEvent>>>
  /** Who has changed it, the newest first. */
  audit(limit: number): Promise<Answer<AuditAnswer>>
  /** One that lets a viewer in over TCP, once. */
  loginToken(minutes: number): Promise<Answer<LoginToken>>
  rotateKeys(site: string | null): Promise<Answer<{readonly tunnels: readonly string[]}>>
  /** null: the one in force. */
  config(version: number | null): Promise<Answer<ConfigInForce>>
  configHistory(): Promise<Answer<ConfigHistoryAnswer>>
  /** `confirmSeconds` null: nothing has to be confirmed. */
  applyConfig(text: string, confirmSeconds: number | null): Promise<Answer<ConfigChanged>>
  confirmConfig(): Promise<Answer<ConfigChanged>>
  /** null: to the one before. */
  rollbackConfig(version: number | null): Promise<Answer<ConfigChanged>>
}

/** Where a gateway is asked: its socket on this machine, or its API over TLS. */
export type ApiPlace = string | RemoteGateway

export interface RemoteGateway {
  /** `https://HOST[:PORT]`. */
  readonly url: string
  /** Files: who we are, and whom we believe; absent: nobody, and whom Node believes. */
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
}

/** A gateway that takes longer than this for an answer is as good as gone. */
const TIMEOUT_MS = 10_000
/** So many times as long where it begins anew, with all that it knew: a million endpoints are read from disk again. */
const PATIENCE = 12

export function createApiClient(place: ApiPlace, timeoutMs = TIMEOUT_MS): ApiClient {
  const reach = reachOf(place)
  const call = async <T>(
    method: 'GET' | 'POST',
    path: string,
    body?: string,
    timeout = timeoutMs,
  ): Promise<Answer<T>> => {
    try {
      const {ask, options} = await reach()
      return await send<T>(ask, {...options, method, path, timeout}, body)
    } catch (error) {
      return unreachable(error)
    }
  }
  const change = <T>(path: string, body?: string): Promise<Answer<T>> => call('POST', path, body, timeoutMs * PATIENCE)
  const ofVersion = (version: number | null): string => (version === null ? '' : `?version=${version}`)
  return {
    status: () => call('GET', '/v1/status'),
    get: (kind, name, query = {}) => {
      const path = name === null ? kind : `${kind}/${name.split('/').map(encodeURIComponent).join('/')}`
      const given = Object.entries(query).filter(([, value]) => value != null)
      const words = new URLSearchParams(given.map(([key, value]): [string, string] => [key, String(value)])).toString()
      return call('GET', `/v1/get/${path}${words === '' ? '' : `?${words}`}`)
    },
    reach: (address) => call('GET', `/v1/reach?address=${encodeURIComponent(address)}`),
    whyNot: (prefix) => call('GET', `/v1/why-not?prefix=${encodeURIComponent(prefix)}`),
    trace: (flow, stations = false) =>
      call('POST', `/v1/trace${stations ? '?stations=true' : ''}`, JSON.stringify(flow)),
    reload: () => change('/v1/reload'),
    drain: (on) => call('POST', on ? '/v1/drain' : '/v1/undrain'),
    openApi: () => call('GET', '/v1/openapi.json'),
    log: (limit) => call('GET', `/v1/log?limit=${limit}`),
    events: async (after, signal) => {
      try {
        const {ask, options} = await reach()
        const headers = after === null ? {} : {'last-event-id': after}
        return await openEvents(ask, {...options, headers, signal}, (status, text) => read<never>(status, text))
      } catch (error) {
        return unreachable(error)
      }
    },
    audit: (limit) => call('GET', `/v1/audit?limit=${limit}`),
    loginToken: (minutes) => call('POST', `/v1/login-token?minutes=${minutes}`),
    rotateKeys: (site) => call('POST', `/v1/keys/rotate${site === null ? '' : `?site=${encodeURIComponent(site)}`}`),
    config: (version) => call('GET', `/v1/config${ofVersion(version)}`),
    configHistory: () => call('GET', '/v1/config/history'),
    applyConfig: (text, confirmSeconds) =>
      change(`/v1/config/apply${confirmSeconds === null ? '' : `?confirm=${confirmSeconds}`}`, text),
    confirmConfig: () => change('/v1/config/confirm'),
    rollbackConfig: (version) => change(`/v1/config/rollback${ofVersion(version)}`),
  }
}

const unreachable = (error: unknown): Answer<never> => ({
  ...{ok: false, code: 'unreachable', findings: []},
  message: error instanceof Error ? error.message : String(error),
})

interface Reached {
  readonly ask: typeof request
  readonly options: RequestOptions
}

/** Files are read, and TLS is loaded, when something is asked for the first time. */
function reachOf(place: ApiPlace): () => Promise<Reached> {
  if (typeof place === 'string') return async () => ({ask: request, options: {socketPath: place}})
  const {url, ...files} = place
  const prepare = async (): Promise<Reached> => {
    const {hostname, port} = new URL(url)
    const {request: ask} = await import('node:https')
    const secrets = Object.entries(files).map(async ([name, file]) => [name, await readFile(file, 'utf8')])
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    return {ask, options: {host, port: port === '' ? 443 : port, ...Object.fromEntries(await Promise.all(secrets))}}
  }
  let reached: Promise<Reached> | undefined
  return () => {
    reached ??= prepare()
    return reached
  }
}

function send<T>(ask: typeof request, options: RequestOptions, body: string | undefined): Promise<Answer<T>> {
  return new Promise((resolve) => {
    const fail = (message: string): void => resolve({ok: false, code: 'unreachable', message, findings: []})
    const outgoing = ask(options, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', (error) => fail(error.message))
      incoming.on('end', () => resolve(read<T>(incoming.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'))))
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', (error) => fail(error.message))
    outgoing.end(body)
  })
}

function read<T>(status: number, text: string): Answer<T> {
  try {
    const value: unknown = JSON.parse(text)
    if (status >= 200 && status < 300) return {ok: true, value: value as T}
    const {code, message, findings} = (value as ErrorBody).error
    return {ok: false, code, message, findings: (findings ?? []) as ReloadResult['findings']}
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
    return {ok: false, code: 'unreachable', message: `status ${status}, and no JSON: is this isthmus?`, findings: []}
  }
}
