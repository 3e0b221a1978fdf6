import {connect, type EtcdConnection, type EtcdOptions, errorText} from './client.ts'
import {readPrefix} from './pages.ts'

/** Plain reading and writing of a datastore, over all its endpoints; made for `apply/etcd`. */
export interface EtcdKeyValues {
  read(prefix: string): Promise<ReadonlyMap<string, string>>
  write(put: readonly (readonly [key: string, value: string])[], deleted: readonly string[]): Promise<void>
  close(): void
}

/**
 * Each call goes to the endpoint that answered last, then to the others; only when none does is it an error. Writes
 * are puts and deletes, so one that was done although its answer was lost is done again without harm.
 */
export function openKeyValues(options: EtcdOptions): EtcdKeyValues {
  let connection: EtcdConnection | null = null
  let index = 0

  async function call<T>(run: (client: ReturnType<EtcdConnection['client']>) => Promise<T>): Promise<T> {
    const reasons: string[] = []
    for (const _ of options.endpoints) {
      try {
        connection ??= connect(options)
        return await run(connection.client(index))
      } catch (error) {
        reasons.push(`${options.endpoints[index % options.endpoints.length]}: ${errorText(error)}`)
        index = (index + 1) % options.endpoints.length
        connection?.close()
        connection = null
      }
    }
    throw new Error(reasons.join('; '))
  }

  return {
    async read(prefix) {
      const {records} = await call((client) => readPrefix(client, prefix))
      return new Map(records.map(({key, value}) => [key, Buffer.from(value).toString('utf8')]))
    },
    async write(put, deleted) {
      const success = [
        ...put.map(([key, value]) => ({request_put: {key: Buffer.from(key), value: Buffer.from(value)}})),
        ...deleted.map((key) => ({request_delete_range: {key: Buffer.from(key)}})),
      ]
      await call((client) => client.kv.txn({success}))
    },
    close: () => connection?.close(),
  }
}
