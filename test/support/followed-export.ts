import type {Etcd3} from 'etcd3'
import {decodeRecord} from '../../src/decode/index.ts'
import {type WatchOptions, type WatchState, watchSource} from '../../src/etcd/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {PasswordUser, SourceBatch, TlsFiles} from '../../src/model/index.ts'
import {configOf, EXPORT} from './sites.ts'
import {watchClock} from './watch-clock.ts'

/** The export of site b as a gateway of site a follows it, down to the changes that its kernel would see. */
export function followExport(
  endpoints: readonly string[],
  tls: TlsFiles | null = null,
  {
    user = null,
    ...more
  }: Partial<Pick<WatchOptions, 'limits' | 'clock' | 'listing'>> & {
    readonly user?: PasswordUser | null
    /** Before anything else is done with a batch. */
    readonly onBatch?: (batch: SourceBatch) => void
  } = {},
) {
  const stop = new AbortController()
  const federation = new Federation(configOf())
  const batches: SourceBatch[] = []
  const waiters = new Set<() => void>()
  /** What was taken away at any time, and every address that changed, in order. */
  const removed: string[] = []
  const changed: string[] = []
  let state: WatchState | null = null
  const wake = (): void => {
    for (const waiter of [...waiters]) waiter()
  }
  const watch = watchSource({
    source: 'export/b',
    etcd: {endpoints, tls, user},
    prefixes: [EXPORT],
    clock: watchClock,
    signal: stop.signal,
    ...more,
    onBatch: (batch) => {
      more.onBatch?.(batch)
      batches.push(batch)
      const upserts = batch.upserts.map((record) => decodeRecord(record, 'export b'))
      federation.update({...batch, upserts})
      for (const [prefix, {after}] of federation.takeMemberChanges()) {
        changed.push(prefix)
        if (after === undefined) removed.push(prefix)
      }
      wake()
    },
    onState: (next) => {
      state = next
      wake()
    },
  })
  return {
    watch,
    batches,
    removed,
    changed,
    has: (address: string): boolean => [...federation.world().members.keys()].some((one) => one === `${address}/32`),
    /** Of each attribute set that somebody has. */
    labels: () =>
      [...federation.world().attributes.values()].flatMap(({kind, labels}) => (kind === 'pod' ? [labels] : [])),
    state: () => state!,
    /** Resolves at the first moment at which the condition holds. */
    until: (condition: (state: WatchState) => boolean, what: string, ms = 15_000): Promise<void> =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!state || !condition(state)) return
          clearTimeout(timer)
          waiters.delete(check)
          resolve()
        }
        const timer = setTimeout(() => {
          waiters.delete(check)
          reject(new Error(`${what}: not within ${ms} ms; state ${JSON.stringify(state)}`))
        }, ms)
        waiters.add(check)
        check()
      }),
    /** From here on only what comes is told. */
    forget: (): void => {
      for (const list of [removed, changed, batches]) list.length = 0
    },
    async stop() {
      stop.abort()
      await watch.done
    },
  }
}

const endpointKey = (address: string): Buffer => Buffer.from(`${EXPORT}endpoints/main/${address}/x1`)

/** An export of site b with these addresses. */
export async function putExport(client: Etcd3, addresses: readonly string[]): Promise<void> {
  const put = (key: Buffer | string, value: object) => ({
    request_put: {key: Buffer.from(key), value: Buffer.from(JSON.stringify(value))},
  })
  await client.kv.txn({
    success: [
      put(`${EXPORT}meta`, {schema: 1, site: 'b', generation: 1}),
      put(`${EXPORT}site`, {as: 4200000002, prefixes: ['10.2.0.0/16'], infrastructure: []}),
      put(`${EXPORT}attributes/x1`, podWith({app: 'db'})),
    ],
  })
  for (const address of addresses) await putEndpoint(client, address)
}

const podWith = (labels: object): object => ({kind: 'pod', labels, namespace: 'shop'})

/** All endpoints have one attribute set. */
export async function putLabels(client: Etcd3, labels: object): Promise<void> {
  const key = Buffer.from(`${EXPORT}attributes/x1`)
  await client.kv.put({key, value: Buffer.from(JSON.stringify(podWith(labels)))})
}

export async function putEndpoint(client: Etcd3, address: string): Promise<void> {
  await client.kv.put({key: endpointKey(address), value: Buffer.from(JSON.stringify({n: [`shop/${address}`]}))})
}

export async function deleteEndpoint(client: Etcd3, address: string): Promise<void> {
  await client.kv.deleteRange({key: endpointKey(address)})
}
