import type {ServerResponse} from 'node:http'
import type {Changed} from './audit.ts'
import type {ConfigErrorCode} from './config-view.ts'
import type {Problem} from './problem.ts'

/** One answer before it goes out. */
export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  /** Of a change: what is otherwise now, for whoever reads the audit log. */
  readonly changed?: Changed
}

/** An answer that goes on for as long as both ends like. */
export interface StreamReply {
  readonly status: 200
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string>>
  readonly stream: (response: ServerResponse) => void | Promise<void>
}

/** For programs; the sentence beside it is for people. */
export const ERROR_CODES = [
  'not-found',
  'method-not-allowed',
  'unknown-kind',
  'bad-request',
  // Whom the gateway asks for it does not answer.
  'unavailable',
  'too-large',
  'not-logged-in',
  'login-refused',
  'not-allowed',
  'wrong-origin',
  'too-many',
  'no-listener',
  'audit-unwritable',
  'cursor-gone',
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number] | ConfigErrorCode

export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode
    readonly message: string
    /** What of the request is wrong: `query.limit`, `body.protocol`. */
    readonly field?: string
    readonly findings?: readonly unknown[]
  }
}

export function json(value: unknown, status = 200): Reply {
  return {status, contentType: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n`}
}

export function refuse(status: number, code: ErrorCode, message: string, field?: string): Reply {
  const error = {code, message, ...(field === undefined ? {} : {field})}
  return json({error} satisfies ErrorBody, status)
}

/** Refused for now: worth another try after some seconds. */
export function refuseForNow(status: 429 | 503, message: string, afterSeconds: number): Reply {
  return {...refuse(status, 'too-many', message), headers: {'retry-after': String(afterSeconds)}}
}

export const refuseWith = ({code, problem}: Problem, field: string): Reply =>
  code === 'unavailable' ? refuse(503, code, problem) : refuse(400, code, problem, field)
