import {type ChildProcess, spawn} from 'node:child_process'
import path from 'node:path'
import {createInterface} from 'node:readline'
import {setTimeout as delay} from 'node:timers/promises'
import {waitUntilJoined} from '../lab/joined.ts'
import {inNamespace} from '../lab/processes.ts'
import {loadScenario} from '../lab/scenario/load.ts'
import {podEntry} from '../lab/site/calico-data.ts'
import {adminClient} from '../lab/site/etcd.ts'
import {startWorld} from '../lab/world.ts'
import {type BenchResult, quantile} from './result.ts'

const SCENARIO = path.resolve(import.meta.dirname, '../lab/scenarios/three-sites-direct.yaml')
const EVENTS = 300
const WARM_UP = 20
const EVERY_MS = 50

/**
 * From the moment an endpoint's put is sent to the site's etcd to its element in the kernel, at its own gateway and at
 * a remote one (which learns of it by the export). The etcd's own write is inside, so the figure is an upper bound.
 */
export async function bench(): Promise<readonly BenchResult[]> {
  const {scenario, dir} = loadScenario(SCENARIO)
  const world = await startWorld(scenario, dir, (line) => console.error(line))
  const watchers: ChildProcess[] = []
  try {
    await waitUntilJoined(world)
    const own = watchElements('il-a1', watchers)
    const remote = watchElements('il-b1', watchers)
    await delay(500)
    const client = adminClient(world.etcd('a/main'))
    const samples: {own: number[]; remote: number[]} = {own: [], remote: []}
    for (let i = 0; i < WARM_UP + EVENTS; i++) {
      const address = `10.1.${100 + (i >> 8)}.${i & 255}`
      const labels = {app: i % 2 ? 'web' : 'db'}
      const [key, value] = podEntry('a', `bench-${i}`, {address, node: 'na1', namespace: 'default', labels, serve: []})
      const seen = [own.seen(address), remote.seen(address)]
      const sentMs = performance.now()
      await client.put(key).value(value)
      const [atOwn, atRemote] = await Promise.all(seen)
      if (i >= WARM_UP) {
        samples.own.push(atOwn! - sentMs)
        samples.remote.push(atRemote! - sentMs)
      }
      await delay(Math.max(0, EVERY_MS - (performance.now() - sentMs)))
    }
    client.close()
    return [
      ...distribution('etcd-to-kernel', samples.own, '<=50'),
      ...distribution('etcd-to-remote-kernel', samples.remote),
    ]
  } finally {
    for (const watcher of watchers) watcher.kill('SIGKILL')
    await world.stop()
  }
}

/** p99 carries the goal, where there is one. */
function distribution(name: string, sample: readonly number[], goal?: string): BenchResult[] {
  const result = (at: string, q: number): BenchResult => ({
    name: `${name}/${at}`,
    value: quantile(sample, q),
    unit: 'ms',
  })
  return [
    result('min', 0),
    result('p50', 0.5),
    result('p90', 0.9),
    {...result('p99', 0.99), ...(goal ? {goal} : {})},
    result('max', 1),
  ]
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
