// The daemon under a churn of endpoints, all of it in the namespace of this process: prints `ChurnFigures` as JSON.
// With ISTHMUS_BENCH_PROFILE=FOLDER the daemon writes a CPU profile there.
import {type ChildProcess, fork, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, openSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {createInterface} from 'node:readline'
import {setTimeout as delay} from 'node:timers/promises'
import type {Etcd3} from 'etcd3'
import type {Entry} from '../../lab/site/calico-data.ts'
import {plainClient, startEtcd} from '../../test/support/etcd-server.ts'
import {metric} from '../federation/daemon-process.ts'
import type {ChurnFigures, ChurnPlan, Latencies} from './churn-plan.ts'
import type {LoopReport} from './loop-watch.ts'
import {Moments} from './moments.ts'
import {addressOf, gatewayYamlOf, otherEntries, podOf} from './site-data.ts'

const OPERATIONS = 100
const QUIET_EVERY_MS = 50
const AT_ONCE = 10
/** From sending a transaction to etcd's answer. */
const ackMs: number[] = []
const SETTLE_MS = 3000
const GIVE_UP_MS = 30_000
/** Pods from this index on are for trying. */
const PROBES = 500_000
const EXPORT = '/isthmus/v1/export/'
const ENDPOINTS = `${EXPORT}endpoints/main/`
const MAIN = resolve(import.meta.dirname, '../../src/gateway/main.ts')
const LOOP_WATCH = resolve(import.meta.dirname, 'loop-watch.ts')

const plan: ChurnPlan = JSON.parse(process.argv[2]!)
const folder = mkdtempSync(join(tmpdir(), 'is-bench-gateway-'))
const etcd = await startEtcd()
const remote = await startEtcd()
const client = plainClient(etcd.endpoint)
const kernel = new Moments()
const exported = new Moments()
const tell = (text: string): void => console.error(`gateway: ${text}`)

async function write(client3: Etcd3, entries: readonly Entry[]): Promise<void> {
  for (let first = 0; first < entries.length; first += OPERATIONS) {
    const success = entries
      .slice(first, first + OPERATIONS)
      .map(([key, value]) => ({request_put: {key: Buffer.from(key), value: Buffer.from(value)}}))
    await client3.kv.txn({success})
  }
}

const revision = async (): Promise<number> => {
  const {header} = await client.kv.range({key: Buffer.from('/none')})
  return Number(header.revision)
}
const countBelow = async (prefix: string): Promise<number> => Number(await client.getAll().prefix(prefix).count())

function startDaemon(): ChildProcess {
  const config = join(folder, 'gateway.yaml')
  writeFileSync(config, gatewayYamlOf(plan, etcd.endpoint, remote.endpoint, folder))
  const profile = process.env.ISTHMUS_BENCH_PROFILE
  const log = openSync(join(profile ?? folder, 'isthmusd.log'), 'w')
  return fork(MAIN, ['run', '--config', config], {
    execArgv: ['--import', LOOP_WATCH, ...(profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [])],
    stdio: ['ignore', log, log, 'ipc'],
  })
}

async function loopReport(daemon: ChildProcess, wanted: 'reset' | 'report'): Promise<LoopReport> {
  daemon.send(wanted)
  const [report]: LoopReport[] = await once(daemon, 'message')
  return report!
}

async function since(daemon: ChildProcess, beforeMs: number): Promise<Pick<LoopReport, 'blockMs' | 'cpuMs'>> {
  const {blockMs, cpuMs} = await loopReport(daemon, 'report')
  return {blockMs, cpuMs: cpuMs - beforeMs}
}

/** Elements of the map of addresses, as the kernel tells them; of everything else only that it was written. */
let kernelWrites = 0
function watchKernel(): ChildProcess {
  const child = spawn('stdbuf', ['-oL', 'nft', 'monitor', 'elements'], {stdio: ['ignore', 'pipe', 'inherit']})
  createInterface({input: child.stdout!}).on('line', (line) => {
    kernelWrites++
    const [, what, address] = /^(add|delete) element inet isthmus class4 \{ (\S+) :/.exec(line) ?? []
    if (what) kernel.happened(`${what} ${address}`)
  })
  return child
}

async function watchExport(): Promise<{cancel(): Promise<void>}> {
  const watcher = await client.watch().prefix(ENDPOINTS).create()
  const addressIn = (key: Buffer): string => key.toString().slice(ENDPOINTS.length).split('/')[0]!
  watcher.on('put', ({key}) => exported.happened(`add ${addressIn(key)}`))
  watcher.on('delete', ({key}) => exported.happened(`delete ${addressIn(key)}`))
  return watcher
}

/** Pods come and go, one after the other: what came last but 500 goes. */
function* changes(
  first: number,
  count: number,
): Generator<{readonly key: string; readonly value: string | null; readonly what: string}> {
  for (let i = 0; i < count; i++) {
    const index = first + (i >> 1)
    const isComing = i % 2 === 0 || i < 1000
    const at = isComing ? first + (i < 1000 ? i : 500 + (i >> 1)) : index - 500
    const [key, value] = podOf(at)
    yield {key, value: isComing ? value : null, what: `${isComing ? 'add' : 'delete'} ${addressOf(at)}`}
  }
}

/** So many at once, as a busy apiserver's writes come: one by one they would measure who writes them. */
async function churn(first: number, count: number, everyMs: number, atOnce: number): Promise<Latencies> {
  const kernelMs: Promise<number>[] = []
  const exportMs: Promise<number>[] = []
  const writes: Promise<unknown>[] = []
  const all = [...changes(first, count)]
  let dueMs = performance.now()
  for (let next = 0; next < all.length; next += atOnce) {
    dueMs += everyMs * atOnce
    const waitMs = dueMs - performance.now()
    if (waitMs > 0) await delay(waitMs)
    const sentMs = performance.now()
    const success = all.slice(next, next + atOnce).map(({key, value, what}) => {
      kernelMs.push(kernel.next(what).then((atMs) => atMs - sentMs))
      exportMs.push(exported.next(what).then((atMs) => atMs - sentMs))
      return value === null
        ? {request_delete_range: {key: Buffer.from(key)}}
        : {request_put: {key: Buffer.from(key), value: Buffer.from(value)}}
    })
    writes.push(client.kv.txn({success}).then(() => ackMs.push(performance.now() - sentMs)))
  }
  await Promise.all(writes)
  // A pod that came and went between two passes is never seen.
  const giveUp = delay(GIVE_UP_MS, Number.NaN, {ref: false})
  const seen = async (all: readonly Promise<number>[]): Promise<number[]> => {
    const moments = await Promise.all(all.map((one) => Promise.race([one, giveUp])))
    return moments.filter((ms) => !Number.isNaN(ms))
  }
  const [inKernel, inExport] = await Promise.all([seen(kernelMs), seen(exportMs)])
  return {kernelMs: inKernel, exportMs: inExport}
}

async function until(what: string, probe: () => Promise<boolean>, withinMs = 300_000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await probe().catch(() => false))) {
    if (performance.now() > endMs) throw new Error(`not so within ${withinMs} ms: ${what}`)
    await delay(200)
  }
}

const processes: ChildProcess[] = []
const watches: {cancel(): Promise<void>}[] = []

/** nft reads all elements before it tells of the first change: pods come, of other addresses, until it does. */
async function seenByMonitor(): Promise<void> {
  for (let index = PROBES; ; index++) {
    const [key, value] = podOf(index)
    const seen = kernel.next(`add ${addressOf(index)}`)
    await client.put(key).value(value)
    if (await Promise.race([seen, delay(5000, null)])) break
  }
  await delay(SETTLE_MS)
}

async function run(): Promise<ChurnFigures> {
  tell(`${plan.endpoints} endpoints into etcd`)
  await write(client, otherEntries(plan))
  await write(
    client,
    Array.from({length: plan.endpoints}, (_, index) => podOf(index)),
  )
  const startedMs = performance.now()
  const daemon = startDaemon()
  processes.push(daemon)
  await until('all in the kernel', async () => (await metric(folder, 'isthmus_policy_endpoints')) >= plan.endpoints)
  const kernelMs = performance.now() - startedMs
  await until('all in the export', async () => (await countBelow(ENDPOINTS)) >= plan.endpoints)
  const start = {kernelMs, exportMs: performance.now() - startedMs}
  processes.push(watchKernel())
  watches.push(await watchExport())
  await seenByMonitor()

  tell('one at a time')
  await churn(plan.endpoints, plan.quietEvents, QUIET_EVERY_MS, 1)
  const quiet = await churn(plan.endpoints + plan.quietEvents, plan.quietEvents, QUIET_EVERY_MS, 1)

  tell(`${plan.perSecond} a second`)
  const next = plan.endpoints + 2 * plan.quietEvents
  await churn(next, plan.steadyEvents / 4, 1000 / plan.perSecond, AT_ONCE)
  ackMs.length = 0
  const {cpuMs} = await loopReport(daemon, 'reset')
  const [passes, before, beganMs] = [
    await metric(folder, 'isthmus_reconcile_passes_total'),
    await revision(),
    performance.now(),
  ]
  const latencies = await churn(next + plan.steadyEvents, plan.steadyEvents, 1000 / plan.perSecond, AT_ONCE)
  const steady = {
    ...latencies,
    seconds: (performance.now() - beganMs) / 1000,
    passes: (await metric(folder, 'isthmus_reconcile_passes_total')) - passes,
    transactions: (await revision()) - before - plan.steadyEvents / AT_ONCE,
    ackMs: [...ackMs],
    ...(await since(daemon, cpuMs)),
  }

  tell(`${plan.burst} at once`)
  await delay(SETTLE_MS)
  const {cpuMs: cpuBeforeBurst} = await loopReport(daemon, 'reset')
  const pods = Array.from({length: plan.burst}, (_, index) => next + 3 * plan.steadyEvents + index)
  const beforeBurst = await revision()
  const burstMs = performance.now()
  const all = [kernel, exported].map((where) => Promise.all(pods.map((pod) => where.next(`add ${addressOf(pod)}`))))
  await write(client, pods.map(podOf))
  const [inKernel, inExport] = (await Promise.all(all)).map((moments) => Math.max(...moments) - burstMs)
  await delay(SETTLE_MS)
  const burst = {
    kernelMs: inKernel!,
    exportMs: inExport!,
    transactions: (await revision()) - beforeBurst - Math.ceil(plan.burst / OPERATIONS),
    ...(await since(daemon, cpuBeforeBurst)),
  }

  tell('a record of the export deleted by hand')
  const victim = addressOf(pods[0]!)
  const [record] = await client.getAll().prefix(`${ENDPOINTS}${victim}/`).keys()
  const deletedMs = performance.now()
  const back = exported.next(`add ${victim}`)
  await client.delete().key(record!).exec()
  const byHandMs = (await Promise.race([back, delay(10_000, deletedMs + 10_000)])) - deletedMs

  tell('etcd comes again')
  await delay(SETTLE_MS)
  const [etcdBefore, kernelBefore] = [await revision(), kernelWrites]
  await etcd.kill()
  await delay(1000)
  await etcd.start()
  await delay(3 * SETTLE_MS)
  const reconnect = {etcdWrites: (await revision()) - etcdBefore, kernelWrites: kernelWrites - kernelBefore}
  const {rssMib} = await loopReport(daemon, 'report')
  return {start, quiet, steady, burst, reconnect, byHandMs, rssMib}
}

try {
  const figures = await run()
  console.log(JSON.stringify(figures))
} finally {
  for (const child of processes.reverse()) {
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
  }
  for (const watch of watches) await watch.cancel()
  client.close()
  await etcd.stop()
  await remote.stop()
  rmSync(folder, {recursive: true})
}
