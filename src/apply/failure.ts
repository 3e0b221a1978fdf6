import {getSystemErrorMap} from 'node:util'
import type {Outcome, OutcomeCode, StepKey} from '../model/index.ts'

/** What drivers throw inside, and turn into an outcome at their edge. Nothing else than this may become an outcome. */
export class StepFailure extends Error {
  readonly code: OutcomeCode

  constructor(code: OutcomeCode, cause: string) {
    super(cause)
    this.code = code
  }
}

const CODES: Readonly<Record<string, OutcomeCode>> = {
  EEXIST: 'exists',
  EBUSY: 'refused',
  EINVAL: 'refused',
  ERANGE: 'refused',
  ENAMETOOLONG: 'refused',
  EADDRINUSE: 'refused',
  EADDRNOTAVAIL: 'missing',
  ENOENT: 'missing',
  ENODEV: 'missing',
  ESRCH: 'missing',
  EPERM: 'denied',
  EACCES: 'denied',
  EROFS: 'denied',
  EOPNOTSUPP: 'unsupported',
  ENOTSUP: 'unsupported',
  EPROTONOSUPPORT: 'unsupported',
  EAFNOSUPPORT: 'unsupported',
  ETIMEDOUT: 'timeout',
  ECONNREFUSED: 'unreachable',
}

/** The one place where the kernel's errors become our codes: `ENODEV` → `missing`. */
export function errnoCode(errno: string): OutcomeCode {
  return CODES[errno] ?? 'failed'
}

const KERNEL_ENOTSUPP = 524

/** Name and words of a negative errno as netlink gives it. */
export function errnoWords(errno: number): {readonly name: string; readonly words: string} {
  // Kernel-internal, never meant for user space, yet it comes through.
  if (errno === -KERNEL_ENOTSUPP) return {name: 'EOPNOTSUPP', words: 'operation not supported'}
  const [name, words] = getSystemErrorMap().get(errno) ?? [`E${-errno}`, `error ${-errno}`]
  return {name: name === 'ENOTSUP' ? 'EOPNOTSUPP' : name, words}
}

/** A StepFailure for an error that Node's own calls throw (fs, child_process); anything else is our bug and is thrown on. */
export function failureOf(error: unknown): StepFailure {
  if (error instanceof StepFailure) return error
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return new StepFailure(errnoCode(error.code), error.message)
  }
  throw error
}

/** Runs one step and makes an outcome of how it went. */
export async function outcomeOf(step: StepKey, run: () => Promise<void>): Promise<Outcome> {
  try {
    await run()
    return {ok: true, step}
  } catch (error) {
    const {code, message} = failureOf(error)
    return {ok: false, step, code, cause: message}
  }
}
