// The daemon with many remote sites, all of it in the namespace of this process: prints `FederationFigures` as JSON.
import assert from 'node:assert/strict'
import {execFile} from 'node:child_process'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {promisify} from 'node:util'
import type {Etcd3} from 'etcd3'
import type {Entry} from '../../lab/site/calico-data.ts'
import {DAEMON_FLAGS} from '../../src/cli/daemon-flags.ts'
import {type EtcdServer, plainClient, startEtcd} from '../../test/support/etcd-server.ts'
import {Moments} from '../gateway/moments.ts'
import {DaemonProcess, metric} from './daemon-process.ts'
import {addressOf, exportOf, gatewayYamlOf, kindOf, policyEntries, siteName} from './export-data.ts'
import type {FederationFigures, FederationPlan, ScrapeFigures} from './federation-plan.ts'
import {createKernelTable} from './kernel-table.ts'

const OPERATIONS = 100
const AT_ONCE = 10
const SETTLE_MS = 5000
const GIVE_UP_MS = 20_000
const COLD_LIMIT_MS = 900_000
/** Of more, those that should be there are asked for, and what else there may be is not seen. */
const MOST_DUMPED = 200_000
/** Addresses of a site that are asked for until the kernel has them. */
const SAMPLES = 50

const STEPS = resolve(import.meta.dirname, 'step-process.ts')

const plan: FederationPlan = JSON.parse(process.argv[2]!)
const folder = mkdtempSync(join(tmpdir(), 'is-bench-federation-'))
const tell = (text: string): void => console.error(`federation ${plan.sites} x ${plan.endpoints}: ${text}`)
const kernel = createKernelTable()
const moments = new Moments()
/** Pods of the first site that came with a churn and have not gone. */
const come = new Set<string>()

async function write(client: Etcd3, entries: readonly Entry[]): Promise<void> {
  for (let first = 0; first < entries.length; first += OPERATIONS) {
    const success = entries
      .slice(first, first + OPERATIONS)
      .map(([key, value]) => ({request_put: {key: Buffer.from(key), value: Buffer.from(value)}}))
    await client.kv.txn({success})
  }
}

interface Site {
  readonly etcd: EtcdServer
  readonly client: Etcd3
  readonly endpoint: (index: number) => Entry
}

async function fill(site: number): Promise<Site> {
  const etcd = await startEtcd()
  const client = plainClient(etcd.endpoint)
  const {records, endpoint} = exportOf(plan, site)
  await write(client, records)
  return {etcd, client, endpoint}
}

async function until(what: string, probe: () => Promise<boolean>, everyMs: number, withinMs: number): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await probe().catch(() => false))) {
    if (performance.now() > endMs) throw new Error(`not so within ${withinMs} ms: ${what}`)
    await delay(everyMs)
  }
}

const samples = Array.from({length: plan.sites}, (_, site) =>
  Array.from({length: SAMPLES}, (_, sample) => {
    return addressOf(site, Math.floor(((sample + 1) * plan.endpoints) / SAMPLES) - 1)
  }),
).flat()

/** The kernel has all samples: they are asked until the last one is there. */
async function allInKernel(daemon: DaemonProcess): Promise<void> {
  const missing = new Set(samples)
  const probe = async (): Promise<boolean> => {
    if (!daemon.isAlive) throw new Error('the daemon has ended')
    for (const address of missing) {
      if (!(await kernel.holds(address))) return false
      missing.delete(address)
    }
    return true
  }
  await until('all in the kernel', probe, 50, COLD_LIMIT_MS)
}

/** Each endpoint is there, nothing else is, and those of one kind, and no others, have one class. */
async function checkKernel(): Promise<void> {
  const all = Array.from({length: plan.sites}, (_, site) =>
    Array.from({length: plan.endpoints}, (__, index) => addressOf(site, index)),
  ).flat()
  const asked = [...all, ...come]
  const listed = asked.length > MOST_DUMPED ? new Map<string, number>() : await kernel.classes()
  // A listing passes elements by while the kernel still makes room in the map for those that came all at once.
  const classes = new Map([...listed, ...(await kernel.classesOf(asked.filter((address) => !listed.has(address))))])
  const numberOf = new Map<string, number>()
  for (let site = 0; site < plan.sites; site++) {
    for (let index = 0; index < plan.endpoints; index++) {
      const number = classes.get(addressOf(site, index))
      assert.notEqual(number, undefined, `${addressOf(site, index)} is not in the kernel`)
      const kind = kindOf(plan, site, index)
      if (!numberOf.has(kind)) numberOf.set(kind, number!)
      assert.equal(number, numberOf.get(kind), `class of ${addressOf(site, index)}`)
    }
  }
  assert.equal(new Set(numberOf.values()).size, numberOf.size, 'no two kinds have one class')
  for (const address of come) assert.ok(classes.has(address), `${address} is not in the kernel`)
  assert.equal(classes.size, plan.sites * plan.endpoints + come.size)
}

async function churn({client, endpoint}: Site, first: number, count: number) {
  const kernelMs: Promise<number>[] = []
  const ackMs: Promise<number>[] = []
  // Pods come and go: half of them delete what came 500 before.
  const changes = Array.from({length: count}, (_, i) => {
    const isComing = i % 2 === 0 || i < 1000
    const at = first + (i < 1000 ? i : isComing ? 500 + (i >> 1) : (i >> 1) - 500)
    const [key, value] = endpoint(at)
    if (isComing) come.add(addressOf(0, at))
    else come.delete(addressOf(0, at))
    return {key: Buffer.from(key), value: isComing ? Buffer.from(value) : null, at}
  })
  let dueMs = performance.now()
  for (let next = 0; next < count; next += AT_ONCE) {
    dueMs += (1000 / plan.perSecond) * AT_ONCE
    const waitMs = dueMs - performance.now()
    if (waitMs > 0) await delay(waitMs)
    const sentMs = performance.now()
    const success = changes.slice(next, next + AT_ONCE).map(({key, value, at}) => {
      kernelMs.push(moments.next(`${value ? 'add' : 'delete'} ${addressOf(0, at)}`).then((atMs) => atMs - sentMs))
      return value ? {request_put: {key, value}} : {request_delete_range: {key}}
    })
    ackMs.push(client.kv.txn({success}).then(() => performance.now() - sentMs))
  }
  const giveUp = delay(GIVE_UP_MS, Number.NaN, {ref: false})
  const seen = await Promise.all(kernelMs.map((one) => Promise.race([one, giveUp])))
  const inKernel = seen.filter((ms) => !Number.isNaN(ms))
  return {kernelMs: inKernel, lost: count - inKernel.length, ackMs: await Promise.all(ackMs)}
}

async function reconnect(daemon: DaemonProcess, {etcd, client}: Site): Promise<FederationFigures['reconnect']> {
  const source = `source="export/${siteName(0)}"`
  const isConnected = async (): Promise<boolean> => (await metric(folder, 'isthmus_datastore_connected', source)) === 1
  const before = kernel.writes()
  await daemon.report('reset')
  tell('etcd comes again')
  await etcd.kill()
  await until('gone', async () => !(await isConnected()), 50, 60_000)
  await etcd.start()
  let startedMs = performance.now()
  await until('resumed', isConnected, 20, 60_000)
  const resumedSeconds = (performance.now() - startedMs) / 1000

  tell('etcd comes again, compacted')
  const lists = (): Promise<number> => metric(folder, 'isthmus_datastore_resyncs_total', `${source},reason="compacted"`)
  daemon.freeze()
  await etcd.kill()
  await etcd.start()
  await client.put('/none').value('1')
  const {header} = await client.put('/none').value('2')
  await client.kv.compact({revision: header.revision})
  daemon.thaw()
  await daemon.report('reset')
  startedMs = performance.now()
  await until('listed', async () => (await lists()) >= 1 && (await isConnected()), 20, 120_000)
  const listedSeconds = (performance.now() - startedMs) / 1000
  await delay(SETTLE_MS)
  const {blockMs} = await daemon.report('report')
  return {resumedSeconds, listedSeconds, kernelWrites: kernel.writes() - before, blockMs}
}

const ends: (() => Promise<unknown>)[] = []

const SCRAPES = 40
/** The port answers five a second to one who asks. */
const SCRAPE_EVERY_MS = 250

/** As Prometheus does it. */
async function scrapes(): Promise<ScrapeFigures> {
  const ms: number[] = []
  let text = ''
  for (let scrape = 0; scrape < SCRAPES; scrape++) {
    await delay(SCRAPE_EVERY_MS)
    const beganMs = performance.now()
    const response = await fetch('http://127.0.0.1:9633/metrics')
    text = await response.text()
    ms.push(performance.now() - beganMs)
    if (!response.ok) throw new Error(`/metrics: ${response.status} ${text}`)
  }
  return {ms, bytes: Buffer.byteLength(text), tunnels: [...text.matchAll(/^isthmus_tunnel_up\{/gm)].length}
}

async function run(): Promise<Pick<FederationFigures, 'scrape'> | FederationFigures> {
  tell('endpoints into etcds')
  const own = await startEtcd()
  ends.push(() => own.stop())
  const ownClient = plainClient(own.endpoint)
  await write(ownClient, policyEntries(plan))
  ownClient.close()
  const sites: Site[] = []
  for (let site = 0; site < plan.sites; site++) {
    const filled = await fill(site)
    ends.push(() => {
      filled.client.close()
      return filled.etcd.stop()
    })
    sites.push(filled)
  }
  const config = join(folder, 'gateway.yaml')
  const endpoints = sites.map(({etcd}) => etcd.endpoint)
  writeFileSync(config, gatewayYamlOf(plan, own.endpoint, endpoints, folder))

  tell('the daemon starts')
  const startedMs = performance.now()
  const daemon = new DaemonProcess(config, folder)
  ends.push(() => daemon.stop())
  await allInKernel(daemon)
  const seconds = (performance.now() - startedMs) / 1000
  const {blockMs, cpuMs} = await daemon.report('report')
  tell(`all in the kernel after ${seconds.toFixed(1)} s, ${daemon.residentMib().most.toFixed(0)} MiB`)
  await checkKernel()
  await delay(SETTLE_MS)
  const resident = daemon.residentMib()
  const cold = {seconds, blockMs, cpuSeconds: cpuMs / 1000, rssMib: resident.most, settledRssMib: resident.now}

  tell(`settled at ${resident.now.toFixed(0)} MiB, at most ${resident.most.toFixed(0)}; scrapes`)
  const scrape = await scrapes()
  if (plan.churnEvents === 0) return {scrape}

  kernel.hear((what) => moments.happened(what))
  const again = await reconnect(daemon, sites[0]!)

  tell(`${plan.perSecond} a second`)
  await churn(sites[0]!, plan.endpoints, plan.churnEvents / 4)
  const {cpuMs: cpuBefore} = await daemon.report('reset')
  const latencies = await churn(sites[0]!, plan.endpoints + plan.churnEvents, plan.churnEvents)
  const after = await daemon.report('report')
  const churned = {
    ...{...latencies, events: plan.churnEvents},
    ...{blockMs: after.blockMs, cpuMs: after.cpuMs - cpuBefore},
  }
  await checkKernel()
  await daemon.stop()

  tell('step by step')
  console.error(JSON.stringify({cold, again, churn: {...churned, kernelMs: churned.kernelMs.length, ackMs: 0}}))
  const {stdout} = await promisify(execFile)(process.execPath, [...DAEMON_FLAGS, STEPS, config])
  return {cold, scrape, reconnect: again, churn: churned, steps: JSON.parse(stdout)}
}

try {
  console.log(JSON.stringify(await run()))
} finally {
  for (const end of ends.reverse()) await end()
  kernel.close()
  rmSync(folder, {recursive: true})
}
