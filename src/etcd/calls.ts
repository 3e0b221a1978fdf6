import {EtcdPermissionDeniedError} from 'etcd3'
import {CALL_TIMEOUT_MS, connect, type EtcdConnection, type EtcdOptions} from './client.ts'
import {errorText, isLoginOver, isLoginRefused} from './errors.ts'

type Client = ReturnType<EtcdConnection['client']>

/** Single calls to a datastore, over all its endpoints. Any number may be under way at once. */
export interface EtcdCalls {
  /** Runs it at the endpoint that answered last, then at the others; `run` must be safe to run twice. */
  call<T>(run: (client: Client) => Promise<T>): Promise<T>
  close(): void
}

/** The server answered, and says no: no other endpoint will say anything else. */
export class EtcdRefused extends Error {}

/** No endpoint answered; the message has the reason of each. */
export class EtcdUnreachable extends Error {}

/**
 * Each call goes to the endpoint that answered last, then to the others; only when none does is it an error. Where our
 * login is over it is made anew, once, with what the password's file says now: both may have been changed since.
 */
export function openCalls(options: EtcdOptions): EtcdCalls {
  let connection: EtcdConnection | null = null
  let index = 0
  const replaced = new Map<EtcdConnection, ReturnType<typeof setTimeout>>()

  /** Of several calls that fail at one endpoint only the first moves on, or they would pass the good one by. */
  const leave = (used: EtcdConnection | null): void => {
    if (used !== connection) return
    index = (index + 1) % options.endpoints.length
    connection?.close()
    connection = null
  }

  /** The endpoint is fine, and so may be calls that are under way there. */
  const replace = (used: EtcdConnection): void => {
    if (used !== connection) return
    connection = null
    const over = setTimeout(() => {
      replaced.delete(used)
      used.close()
    }, CALL_TIMEOUT_MS)
    over.unref()
    replaced.set(used, over)
  }

  async function callOnce<T>(run: (client: Client) => Promise<T>, isAgain: boolean): Promise<T> {
    let used: EtcdConnection | null = null
    try {
      connection ??= connect(options)
      used = connection
      return await run(used.client(index))
    } catch (error) {
      if (error instanceof EtcdPermissionDeniedError) throw new EtcdRefused(errorText(error))
      const isOver = used !== null && isLoginOver(error)
      if (used !== null && isOver && (!isAgain || isLoginRefused(error))) replace(used)
      else leave(used)
      if (isOver && !isAgain) return await callOnce(run, true)
      if (isOver && isLoginRefused(error)) throw new EtcdRefused(errorText(error))
      throw error
    }
  }

  return {
    async call(run) {
      const reasons: string[] = []
      for (const _ of options.endpoints) {
        const at = options.endpoints[index]
        try {
          return await callOnce(run, false)
        } catch (error) {
          if (error instanceof EtcdRefused) throw error
          reasons.push(`${at}: ${errorText(error)}`)
        }
      }
      throw new EtcdUnreachable(reasons.join('; '))
    },
    close: () => {
      connection?.close()
      for (const [used, over] of replaced) {
        clearTimeout(over)
        used.close()
      }
    },
  }
}
