/**
 * How the command line and the console ask a gateway: the only file of the API that outsiders use. It loads no part of
 * the server; an answer that does not come is data, since what to do about it differs from caller to caller.
 */
import {type RequestOptions, request} from 'node:http'
import type {ErrorBody, ErrorCode} from './answer.ts'
import type {AuditAnswer} from './audit.ts'
import type {
  ConfigChange,
  ConfigHistoryAnswer,
  ConfigInForce,
  GatewayStatus,
  Kind,
  ReloadResult,
  Rows,
} from './gateway-view.ts'
import type {LogAnswer, LoginToken} from './live-view.ts'

export type {AuditEntry} from './audit.ts'
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
}

export type ConfigChanged = Omit<Extract<ConfigChange, {ok: true}>, 'ok'>

export interface ApiClient {
  readonly socketPath: string
  status(): Promise<Answer<GatewayStatus>>
  /** `limit` 0 means all. */
  get<K extends Kind>(kind: K, name: string | null, limit?: number): Promise<Answer<Listing<K>>>
  /** `stations`: with what each of them says, and every rule there. */
  trace(flow: unknown, stations?: boolean): Promise<Answer<Readonly<Record<string, unknown>>>>
  reload(): Promise<Answer<Pick<ReloadResult, 'findings'>>>
  drain(on: boolean): Promise<Answer<Pick<GatewayStatus, 'drainingSince'>>>
  /** What has changed, the newest first. */
  log(limit: number): Promise<Answer<LogAnswer>>
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

/** A gateway that takes longer than this for an answer is as good as gone. */
const TIMEOUT_MS = 10_000

export function createApiClient(socketPath: string, timeoutMs = TIMEOUT_MS): ApiClient {
  const call = <T>(method: 'GET' | 'POST', path: string, body?: string): Promise<Answer<T>> =>
    send<T>({socketPath, method, path, timeout: timeoutMs}, body)
  const ofVersion = (version: number | null): string => (version === null ? '' : `?version=${version}`)
  return {
    socketPath,
    status: () => call('GET', '/v1/status'),
    get: (kind, name, limit) => {
      const path = name === null ? kind : `${kind}/${name.split('/').map(encodeURIComponent).join('/')}`
      return call('GET', `/v1/get/${path}${limit === undefined ? '' : `?limit=${limit}`}`)
    },
    trace: (flow, stations = false) =>
      call('POST', `/v1/trace${stations ? '?stations=true' : ''}`, JSON.stringify(flow)),
    reload: () => call('POST', '/v1/reload'),
    drain: (on) => call('POST', on ? '/v1/drain' : '/v1/undrain'),
    log: (limit) => call('GET', `/v1/log?limit=${limit}`),
    audit: (limit) => call('GET', `/v1/audit?limit=${limit}`),
    loginToken: (minutes) => call('POST', `/v1/login-token?minutes=${minutes}`),
    rotateKeys: (site) => call('POST', `/v1/keys/rotate${site === null ? '' : `?site=${encodeURIComponent(site)}`}`),
    config: (version) => call('GET', `/v1/config${ofVersion(version)}`),
    configHistory: () => call('GET', '/v1/config/history'),
    applyConfig: (text, confirmSeconds) =>
      call('POST', `/v1/config/apply${confirmSeconds === null ? '' : `?confirm=${confirmSeconds}`}`, text),
    confirmConfig: () => call('POST', '/v1/config/confirm'),
    rollbackConfig: (version) => call('POST', `/v1/config/rollback${ofVersion(version)}`),
  }
}

function send<T>(options: RequestOptions, body: string | undefined): Promise<Answer<T>> {
  return new Promise((resolve) => {
    const fail = (message: string): void => resolve({ok: false, code: 'unreachable', message, findings: []})
    const outgoing = request(options, (incoming) => {
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
