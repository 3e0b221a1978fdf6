import {EtcdPermissionDeniedError} from 'etcd3'
import {connect, type EtcdConnection, type EtcdOptions} from './client.ts'
import {errorText, isLoginRefused} from './errors.ts'

type Client = ReturnType<EtcdConnection['client']>

/** Single calls to a datastore, over all its endpoints. Any number may be under way at once. */
export interface EtcdCalls {
  /** Runs it at the endpoint that answered last, then at the others; `run` must be safe to run twice. */
  call<T>(run: (client: Client) => Promise<T>): Promise<T>
  close(): void
}

/** The server answered, and says no: no other endpoint will say anything else. */
export class EtcdRefused extends Error {}

/** Name and password of our user are not those that it has, or it asks for none. */
export class EtcdLoginRefused extends EtcdRefused {}

/** No endpoint answered; the message has the reason of each. */
export class EtcdUnreachable extends Error {}

/** Each call goes to the endpoint that answered last, then to the others; only when none does is it an error. */
export function openCalls(options: EtcdOptions): EtcdCalls {
  let connection: EtcdConnection | null = null
  let index = 0

  /** Of several calls that fail at one endpoint only the first moves on, or they would pass the good one by. */
  const leave = (used: EtcdConnection | null): void => {
    if (used !== connection) return
    index = (index + 1) % options.endpoints.length
    connection?.close()
    connection = null
  }

  return {
    async call(run) {
      const reasons: string[] = []
      for (const _ of options.endpoints) {
        let used: EtcdConnection | null = null
        const at = options.endpoints[index]
        try {
          connection ??= connect(options)
          used = connection
          return await run(used.client(index))
        } catch (error) {
          if (isLoginRefused(error)) throw new EtcdLoginRefused(errorText(error))
          if (error instanceof EtcdPermissionDeniedError) throw new EtcdRefused(errorText(error))
          reasons.push(`${at}: ${errorText(error)}`)
          leave(used)
        }
      }
      throw new EtcdUnreachable(reasons.join('; '))
    },
    close: () => connection?.close(),
  }
}
