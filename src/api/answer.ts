import type {ConfigErrorCode, Problem} from './gateway-view.ts'

/** One answer before it goes out. */
export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** For programs; the sentence beside it is for people. */
export type ErrorCode =
  | 'not-found'
  | 'method-not-allowed'
  | 'unknown-kind'
  | 'bad-request'
  /** Whom the gateway asks for it does not answer. */
  | 'unavailable'
  /** The list that was to be gone on with is no longer kept. */
  | 'cursor-gone'
  | 'too-large'
  | ConfigErrorCode
  | 'internal'

export interface ErrorBody {
  readonly error: {readonly code: ErrorCode; readonly message: string; readonly findings?: readonly unknown[]}
}

export function json(value: unknown, status = 200): Reply {
  return {status, contentType: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n`}
}

export function refuse(status: number, code: ErrorCode, message: string): Reply {
  return json({error: {code, message}} satisfies ErrorBody, status)
}

export const refuseWith = ({code, problem}: Problem): Reply => refuse(code === 'unavailable' ? 503 : 400, code, problem)
