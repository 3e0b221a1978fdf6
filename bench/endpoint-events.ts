import {type ChildProcess, spawn} from 'node:child_process'
import {createInterface} from 'node:readline'
import {setTimeout as delay} from 'node:timers/promises'
import {inNamespace} from '../lab/processes.ts'
import {podEntry} from '../lab/site/calico-data.ts'
import {adminClient} from '../lab/site/etcd.ts'
import type {World} from '../lab/world.ts'

const EVERY_MS = 20

/** How long each of some endpoints took from its put in site a's etcd to its element in a kernel. */
export interface EventTimes {
  readonly own: number[]
  readonly remote: number[]
}

export interface EndpointEvents {
  /** The next so many endpoints, none of which was there before. */
  measure(events: number): Promise<EventTimes>
  close(): void
}

/** Puts endpoints into a joined lab and has the kernels of a1 and b1 tell when they have them. */
export async function startEndpointEvents(world: World): Promise<EndpointEvents> {
  const watchers: ChildProcess[] = []
  const own = watchElements('il-a1', watchers)
  const remote = watchElements('il-b1', watchers)
  const client = adminClient(world.etcd('a/main'))
  let next = 0
  await delay(500)
  return {
    async measure(events) {
      const times: EventTimes = {own: [], remote: []}
      for (let until = next + events; next < until; next++) {
        const address = `10.1.${100 + (next >> 8)}.${next & 255}`
        const pod = {address, node: 'na1', namespace: 'default', labels: {app: next % 2 ? 'web' : 'db'}, serve: []}
        const [key, value] = podEntry('a', `bench-${next}`, pod)
        const seen = [own.seen(address), remote.seen(address)]
        const sentMs = performance.now()
        await client.put(key).value(value)
        const [atOwn, atRemote] = await Promise.all(seen)
        times.own.push(atOwn! - sentMs)
        times.remote.push(atRemote! - sentMs)
        await delay(Math.max(0, EVERY_MS - (performance.now() - sentMs)))
      }
      return times
    },
    close() {
      client.close()
      for (const watcher of watchers) watcher.kill('SIGKILL')
    },
  }
}

/** When an address became a member of class4 in a namespace, told by the kernel itself. */
function watchElements(namespace: string, watchers: ChildProcess[]) {
  const waiting = new Map<string, (atMs: number) => void>()
  const [file, ...args] = inNamespace(namespace, 'stdbuf', '-oL', 'nft', 'monitor', 'new', 'elements')
  const child = spawn(file!, args, {stdio: ['ignore', 'pipe', 'inherit']})
  watchers.push(child)
  createInterface({input: child.stdout}).on('line', (line) => {
    const address = /element inet isthmus class4 \{ (\S+) :/.exec(line)?.[1]
    if (address === undefined) return
    waiting.get(address)?.(performance.now())
    waiting.delete(address)
  })
  return {
    seen: (address: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${address} not in the kernel of ${namespace} within 10 s`)),
          10_000,
        )
        waiting.set(address, (atMs) => {
          clearTimeout(timer)
          resolve(atMs)
        })
      }),
  }
}
