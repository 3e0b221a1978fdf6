import type * as z from 'zod'
import {type ErrorBody, type Reply, refuse, type StreamReply} from './answer.ts'
import type {Audit, BegunChange, Changed, EndChange} from './audit.ts'
import type {Caller, Role} from './caller.ts'
import type {EventHub} from './event-hub.ts'
import type {GatewayView} from './gateway-view.ts'
import type {Listings} from './listing.ts'
import type {Logins} from './logins.ts'

/** What routes are answered from. */
export interface Served {
  readonly view: GatewayView
  readonly hub: EventHub
  readonly logins: Logins
  readonly listings: Listings
  readonly audit: Audit
  /** Where people come over TCP, `ADDRESS:PORT`; null: nowhere. */
  readonly listens: () => string | null
}

/** One request, checked. */
export interface Asked<Q, B> {
  readonly caller: Caller
  readonly params: Readonly<Record<string, string>>
  readonly query: Q
  readonly body: B
  readonly header: (name: string) => string | undefined
}

/** One request as it came. */
export interface RawRequest {
  readonly caller: Caller
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: () => Promise<string>
  readonly header: (name: string) => string | undefined
}

/** A route as data: what is matched, checked and written down about it comes from here. */
export interface RouteFacts {
  readonly method: 'GET' | 'POST'
  /** `/v1/get/{kind}/{name}`; a last parameter takes slashes as well. */
  readonly path: string
  readonly does: string
  readonly role: Role | 'anyone'
  /** Also on `metrics.listen`, to whoever reaches it. */
  readonly plain?: true
  readonly query: z.ZodObject
  readonly body: z.ZodType | null
  /** Absent: JSON. */
  readonly bodyIs?: 'text'
  /** Headers that mean something here, with what they must look like. */
  readonly headers?: Readonly<Record<string, RegExp>>
  /** By status; `text` and `events` are no JSON. */
  readonly answers: Readonly<Record<number, z.ZodType | 'text' | 'events'>>
  /** Statuses of refusals, beside those that follow from the rest (`refusalsOf`). */
  readonly refuses?: readonly number[]
}

/** Every status of a refusal that the route may answer with. */
export function refusalsOf(facts: RouteFacts): number[] {
  const {method, path, role, refuses = []} = facts
  return [
    ...new Set([
      ...[400, 429, 500, ...refuses],
      ...(role === 'anyone' ? [] : [401]),
      ...(method === 'POST' ? [403, 413] : []),
      ...(path.includes('{') ? [404] : []),
      ...(changes(facts) ? [503] : []),
    ]),
  ].sort((a, b) => a - b)
}

export interface Route extends RouteFacts {
  readonly run: (served: Served, request: RawRequest) => Promise<Reply | StreamReply>
}

type Answering<Q, B> = (served: Served, asked: Asked<Q, B>) => Reply | StreamReply | Promise<Reply | StreamReply>

/** A route whose handler is given what its schemas have let through. */
export function route<Q extends z.ZodObject, B extends z.ZodType | null>(
  facts: RouteFacts & {readonly query: Q; readonly body: B},
  answering: Answering<z.output<Q>, B extends z.ZodType ? z.output<B> : null>,
): Route {
  type Body = B extends z.ZodType ? z.output<B> : null
  return {
    ...facts,
    async run(served, {caller, params, query: given, body, header}) {
      const query = readQuery(facts.query, given)
      if (!query.ok) return query.refusal
      const read = await readBody(facts, body)
      if (!read.ok) return read.refusal
      const asked = {caller, params, query: query.value as z.output<Q>, body: read.value as Body, header}
      if (!changes(facts)) return answering(served, asked)
      const search = given.size > 0 ? `?${given}` : ''
      const what = `${facts.method} ${facts.path}${search}`
      return audited(served.audit, {caller, what}, async () => answering(served, asked))
    },
  }
}

/** What only an admin may, and changes something. */
export const changes = ({method, role}: RouteFacts): boolean => method === 'POST' && role === 'admin'

/** Written down before it is made, and what came of it after; what cannot be written down is not made (decision 0163). */
async function audited(
  audit: Audit,
  change: BegunChange,
  make: () => Promise<Reply | StreamReply>,
): Promise<Reply | StreamReply> {
  let end: EndChange
  try {
    end = await audit.begin(change)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return refuse(503, 'audit-unwritable', `nothing was changed, for it could not be written down who did: ${reason}`)
  }
  let result = 'internal'
  let changed: Changed | null = null
  try {
    const reply = await make()
    result = reply.status < 400 ? 'ok' : codeOf(reply)
    if ('changed' in reply) changed = reply.changed ?? null
    return reply
  } finally {
    await end({result, changed})
  }
}

const codeOf = (reply: Reply | StreamReply): string =>
  'body' in reply ? (JSON.parse(reply.body.toString()) as ErrorBody).error.code : 'internal'

type Read = {readonly ok: true; readonly value: unknown} | {readonly ok: false; readonly refusal: Reply}

function readQuery(schema: z.ZodObject, given: URLSearchParams): Read {
  const names = [...given.keys()]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) return bad(`query.${printed(twice)}`, 'given twice')
  return checked(schema, Object.fromEntries(given), 'query')
}

async function readBody({body: schema, bodyIs}: RouteFacts, body: () => Promise<string>): Promise<Read> {
  const text = await body()
  if (schema === null) return text.trim() === '' ? {ok: true, value: null} : bad('body', 'this request takes none')
  if (bodyIs === 'text') return checked(schema, text, 'body')
  try {
    return checked(schema, JSON.parse(text), 'body')
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return bad('body', `not JSON: ${error.message}`)
  }
}

function checked(schema: z.ZodType, value: unknown, where: 'query' | 'body'): Read {
  const result = schema.safeParse(value)
  if (result.success) return {ok: true, value: result.data}
  const [issue] = result.error.issues
  const inside = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : []
  const field = [where, ...(issue?.path ?? []), ...inside].map((part) => printed(String(part))).join('.')
  return bad(field, issue?.code === 'unrecognized_keys' ? `not known${thereIs(schema)}` : (issue?.message ?? 'wrong'))
}

/** Names of others are cut, so that an answer is not as long as what was wrong with the question. */
const printed = (text: string): string => (text.length > 64 ? `${text.slice(0, 64)}…` : text)

function thereIs(schema: z.ZodType): string {
  const names = 'shape' in schema && typeof schema.shape === 'object' ? Object.keys(schema.shape ?? {}) : []
  return names.length === 0 ? '; there is none' : `; there is ${names.join(', ')}`
}

const bad = (field: string, reason: string): Read => ({
  ok: false,
  refusal: refuse(400, 'bad-request', `${field}: ${reason}`, field),
})
