import * as z from 'zod'
import type {Conflict, Finding, FindingCode} from '../model/index.ts'
import {ERROR_CODES, type ErrorBody, type ErrorCode} from './answer.ts'
import type {AuditAnswer, AuditEntry} from './audit.ts'
import type * as config from './config-view.ts'
import {CONFIG_ERROR_CODES} from './config-view.ts'
import type * as asked from './console-schemas.ts'
import type * as console from './console-view.ts'
import type * as view from './gateway-view.ts'
import {KINDS} from './gateway-view.ts'
import type * as live from './live-view.ts'
import {LOG_CODES} from './live-view.ts'
import {type conflict, finding, ROWS} from './row-schemas.ts'

/** Shapes of all answers, by the names that they bear in the OpenAPI document. The types stay the source: see `Proven`. */
const text = z.string()
const number = z.number()
const moment = z.iso.datetime()

const pending = z.strictObject({version: number, previous: number, leftSeconds: number})

export const GatewayStatus = z.strictObject({
  site: text,
  gateway: text,
  version: text,
  startedAt: moment,
  ready: z.boolean(),
  waitingFor: text.nullable(),
  drainingSince: moment.nullable(),
  tunnels: z.array(ROWS.tunnels),
  sessions: z.array(ROWS.sessions),
  datastores: z.array(ROWS.datastores),
  sites: z.array(ROWS.sites),
  policies: z.array(ROWS.policies),
  findings: z.array(finding),
  reconcile: z.strictObject({
    lastSuccess: moment.nullable(),
    durationMs: number.nullable(),
    passes: number,
    errors: number,
    dirty: z.boolean(),
    lastErrors: z.array(text),
  }),
  export: z.strictObject({
    leader: text.nullable(),
    leads: z.boolean(),
    leaseAgeSeconds: number.nullable(),
    lastError: text.nullable(),
  }),
  nft: z.strictObject({
    classes: number,
    verdictEntries: number,
    chains: number,
    generation: number.nullable(),
    drops: z.array(z.strictObject({reason: text, packets: number})),
    fastPath: z.strictObject({
      ...{devices: number, packets: number, judgedPackets: number},
      ...{judges: z.boolean(), missing: text.nullable()},
    }),
  }),
})

export const ConfigInForce = z.strictObject({version: number, text})
export const ConfigHistory = z.strictObject({
  versions: z.array(z.strictObject({version: number, at: moment, how: text})),
  inForce: number,
  pending: pending.nullable(),
})
export const ConfigChanged = z.strictObject({
  version: number,
  unchanged: z.boolean(),
  pending: pending.nullable(),
  findings: z.array(finding),
})
export const Reloaded = z.strictObject({findings: z.array(finding)})
export const Drained = z.strictObject({drainingSince: moment.nullable()})
export const KeysRotated = z.strictObject({tunnels: z.array(text)})
export const WhyNot = z.strictObject({
  prefix: text,
  here: z.boolean(),
  why: text,
  steps: z.array(
    z.strictObject({
      step: z.enum(['owner', 'export', 'tunnel', 'session', 'announced', 'import', 'best', 'kernel']),
      ok: z.boolean().nullable(),
      evidence: text,
      remedy: text.exactOptional(),
    }),
  ),
})
export const Reach = z.strictObject({
  address: text,
  class: text.nullable(),
  ingress: z.array(text),
  egress: z.array(text),
  from: z.array(z.strictObject({site: text.nullable(), labels: z.record(text, text), traffic: text})),
  refused: number,
})
export const TraceAnswer = z.record(text, z.unknown())
export const Health = z.strictObject({ok: z.literal(true), ready: z.boolean()})
export const Readiness = z.strictObject({ready: z.boolean(), waitingFor: text.nullable()})
export const OpenApi = z.looseObject({openapi: text})
export const Nothing = z.strictObject({})

export const LogEntry = z.strictObject({
  id: text,
  at: moment,
  code: z.enum(LOG_CODES),
  severity: z.enum(['error', 'warning', 'info']),
  what: text,
  object: text,
})
export const LogAnswer = z.strictObject({run: text, entries: z.array(LogEntry), more: z.boolean()})
export const LoginToken = z.strictObject({token: text, expiresAt: moment, listen: text})
export const Login = z.strictObject({
  via: z.enum(['socket', 'certificate', 'session', 'nobody']),
  role: z.enum(['viewer', 'admin']).nullable(),
  name: text,
  until: moment.nullable(),
})

export const AuditEntrySchema = z.strictObject({
  number,
  at: text,
  via: z.enum(['socket', 'certificate', 'session', 'nobody', 'timer', 'file']),
  who: text,
  address: text.nullable(),
  what: text,
  result: text.nullable(),
  difference: text.nullable(),
})
export const AuditLog = z.strictObject({entries: z.array(AuditEntrySchema), more: z.boolean()})

export const Refusal = z.strictObject({
  error: z.strictObject({
    code: z.enum([...ERROR_CODES, ...CONFIG_ERROR_CODES]),
    message: text,
    field: text.exactOptional(),
    findings: z.array(z.unknown()).exactOptional(),
  }),
})

export * from './console-schemas.ts'

/** What a listing of each kind holds. */
export const Listing = z.union(
  KINDS.map((kind) =>
    z.strictObject({kind: z.literal(kind), items: z.array(ROWS[kind]), more: z.boolean(), next: text.nullable()}),
  ),
)

/** Readonly all through, so that only names and values are compared. */
type Plain<T> = T extends object ? {readonly [K in keyof T]: Plain<T[K]>} : T
/** The very same, optional where optional: each assignable to the other would let a field that may be missing be forgotten. */
type Same<A, B> =
  (<T>() => T extends Plain<A> ? 1 : 2) extends <T>() => T extends Plain<B> ? 1 : 2
    ? true
    : {differs: [Plain<A>, Plain<B>]}
type Out<S extends z.ZodType> = z.output<S>

/** Does not compile where a schema says something else than its type. */
type Proven<T extends {readonly [name: string]: true}> = T
export type AnswersAreProven = Proven<{
  status: Same<Out<typeof GatewayStatus>, view.GatewayStatus>
  inForce: Same<Out<typeof ConfigInForce>, config.ConfigInForce>
  history: Same<Out<typeof ConfigHistory>, config.ConfigHistoryAnswer>
  changed: Same<Out<typeof ConfigChanged>, Omit<Extract<config.ConfigChange, {ok: true}>, 'ok'>>
  reloaded: Same<Out<typeof Reloaded>, Pick<view.ReloadResult, 'findings'>>
  drained: Same<Out<typeof Drained>, Pick<view.GatewayStatus, 'drainingSince'>>
  whyNot: Same<Out<typeof WhyNot>, view.WhyNot>
  reach: Same<Out<typeof Reach>, view.Reach>
  readiness: Same<Out<typeof Readiness>, Pick<view.GatewayStatus, 'ready' | 'waitingFor'>>
  entry: Same<Out<typeof LogEntry>, live.LogEntry>
  log: Same<Out<typeof LogAnswer>, live.LogAnswer>
  token: Same<Out<typeof LoginToken>, live.LoginToken>
  login: Same<Out<typeof Login>, live.LoginAnswer>
  audited: Same<Out<typeof AuditEntrySchema>, AuditEntry>
  audit: Same<Out<typeof AuditLog>, AuditAnswer>
  refusal: Same<Out<typeof Refusal>, ErrorBody>
  code: Same<Out<typeof Refusal>['error']['code'], ErrorCode>
  finding: Same<Out<typeof finding>, Finding>
  findingCode: Same<Out<typeof finding>['code'], FindingCode>
  conflict: Same<Out<typeof conflict>, Conflict>
  series: Same<Out<typeof asked.TunnelSeries>, console.TunnelSeries>
  matrix: Same<Out<typeof asked.PolicyMatrix>, console.PolicyMatrix>
  pair: Same<Out<typeof asked.PolicyPair>, console.PolicyPair>
  diff: Same<Out<typeof asked.PolicyDiff>, console.PolicyDiff>
  alerts: Same<Out<typeof asked.AlertsAnswer>, console.AlertsAnswer>
  rows: Same<{[K in view.Kind]: Out<(typeof ROWS)[K]>}, view.Rows>
}>
