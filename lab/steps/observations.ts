import {spawn} from 'node:child_process'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {type ApiClient, createApiClient} from '../../src/api/client.ts'
import {slowness} from '../environment.ts'
import {vtysh} from '../network/routers.ts'
import {command, inNamespace} from '../processes.ts'
import type {Check} from '../scenario/schema.ts'
import type {World} from '../world.ts'
import {inRange, printRange, type Seen} from './result.ts'

type Of<K extends string> = Extract<Check, Record<K, unknown>>

/** How long pods talk while packets are captured, and at least how often; how long late packets are waited for. */
const TALK_MS = 600
const TALK_EVERY_MS = 10
const TALK_DATAGRAMS = 50
const LATE_MS = 200

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Counts packets that pass any device of a namespace and match, while one pod sends to another by UDP and ping. */
export async function lookCapture(world: World, {capture, expect}: Of<'capture'>): Promise<Seen> {
  const namespace = world.namespace(capture.on)
  const [file, ...args] = inNamespace(namespace, 'tcpdump', '-i', 'any', '-n', '-l', '--immediate-mode', capture.filter)
  const child = spawn(file!, args, {stdio: ['ignore', 'pipe', 'pipe']})
  let packets = 0
  let first = ''
  createInterface({input: child.stdout}).on('line', (line) => {
    if (line === '') return
    packets++
    first ||= line
  })
  let complaint = ''
  const listening = new Promise<boolean>((resolve) => {
    createInterface({input: child.stderr}).on('line', (line) => {
      if (line.includes('listening on')) resolve(true)
      else complaint += line
    })
    child.once('exit', () => resolve(false))
  })
  if (!(await listening)) return {ok: false, detail: `tcpdump: ${complaint}`}
  const {from, to} = capture.while
  const wanted = typeof expect.packets === 'number' ? expect.packets : (expect.packets.min ?? 0)
  // Only where more than enough is as good as enough may the talk end before its time.
  const enough = () => typeof expect.packets !== 'number' && expect.packets.max === undefined && packets >= wanted
  const pauseUnlessEnough = async (ms: number): Promise<void> => {
    for (const end = performance.now() + ms; !enough() && performance.now() < end; ) await pause(LATE_MS / 10)
  }
  await world.agents.get(from)!.startUdp(world.addressOf(to), TALK_EVERY_MS)
  // A talker sends what is due by the clock, however slow its CPU.
  await pauseUnlessEnough(TALK_MS * Math.min(slowness(), 3))
  const {sent} = await world.agents.get(from)!.stopUdp()
  await pauseUnlessEnough(LATE_MS * slowness())
  const gone = new Promise((resolve) => child.once('close', resolve))
  // tcpdump is a child of `ip netns exec`, which became it by exec: the signal reaches it.
  child.kill('SIGINT')
  await gone
  // Silence proves something only where somebody spoke.
  const spoke = enough() || sent >= TALK_DATAGRAMS
  const ok = spoke && inRange(packets, expect.packets)
  return {
    ok,
    detail: `${spoke ? '' : `only ${sent} datagrams were sent; `}${packets} packets match${ok ? '' : `, ${printRange(expect.packets)} expected`}${first ? `; first: ${first.slice(0, 120)}` : ''}`,
  }
}

/** Prefixes that a router, gateway or node has in its forwarding table (unreachable ones do not count) or in BGP. */
export async function lookRoutes(world: World, {routes, expect}: Of<'routes'>): Promise<Seen> {
  const namespace = world.namespace(routes.of)
  const router = world.plan.routers.find(({name}) => name === routes.of)
  const held = new Set<string>()
  for (const line of (await command(['ip', '-n', namespace, 'route'])).stdout.split('\n')) {
    const [prefix] = line.split(' ')
    if (prefix && !/^(unreachable|blackhole|default)/.test(prefix))
      held.add(prefix.includes('/') ? prefix : `${prefix}/32`)
  }
  if (router?.engine === 'frr') {
    const {stdout} = await vtysh(namespace, world.dirOf(router.name), 'show bgp ipv4 unicast json')
    const answer = JSON.parse(stdout) as {routes?: Record<string, unknown>}
    for (const prefix of Object.keys(answer.routes ?? {})) held.add(prefix)
  } else if (router) {
    const {stdout} = await command(['birdc', '-s', join(world.dirOf(router.name), 'bird.ctl'), 'show', 'route'])
    for (const [prefix] of stdout.matchAll(/^\d+\.\d+\.\d+\.\d+\/\d+/gm)) held.add(prefix)
  }
  const missing = expect.has.filter((prefix) => !held.has(prefix))
  const leaked = expect.hasNot.filter((prefix) => [...held].some((have) => within(have, prefix)))
  const ok = missing.length + leaked.length === 0
  const problems = [
    missing.length ? `missing ${missing.join(', ')}` : '',
    leaked.length ? `holds of ${leaked.join(', ')}` : '',
  ]
  return {
    ok,
    detail: ok
      ? `${held.size} prefixes`
      : `${problems.filter(Boolean).join('; ')}; held: ${[...held].sort().join(' ')}`,
  }
}

/** Whether an IPv4 prefix lies inside another. */
function within(inner: string, outer: string): boolean {
  const parse = (prefix: string): [number, number] => {
    const [address, length] = prefix.split('/')
    return [address!.split('.').reduce((value, octet) => value * 256 + Number(octet), 0), Number(length)]
  }
  const [innerFirst, innerLength] = parse(inner)
  const [outerFirst, outerLength] = parse(outer)
  const size = 2 ** (32 - outerLength)
  return innerLength >= outerLength && Math.floor(innerFirst / size) === Math.floor(outerFirst / size)
}

/** Who asks too often is told when to come back, and curl does. */
const POLITELY = ['-sf', '--retry', '3']

export async function lookMetric(world: World, {metric, expect}: Of<'metric'>): Promise<Seen> {
  const {namespace} = world.gateway(metric.gateway)
  const {stdout, status} = await command(
    inNamespace(namespace, 'curl', ...POLITELY, '-m', String(2 * slowness()), 'http://127.0.0.1:9633/metrics'),
  )
  if (status !== 0) return {ok: false, detail: 'no answer from /metrics'}
  const value = sampleOf(stdout, metric.query)
  if (value === null) return {ok: false, detail: `no series ${metric.query}`}
  const ok = inRange(value, expect)
  return {ok, detail: ok ? `${value}` : `${value}, ${printRange(expect)} expected`}
}

/** Sum of the series with the name and all the labels asked for: `name{label="value",…}`; null when there is none. */
export function sampleOf(exposition: string, query: string): number | null {
  const [, name, selector] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?$/.exec(query) ?? []
  if (!name) throw new Error(`${query}: name{label="value"} expected`)
  const wanted = (selector ?? '').split(',').filter(Boolean)
  let sum: number | null = null
  for (const line of exposition.split('\n')) {
    const [, own, labels, value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (own !== name || !wanted.every((label) => (labels ?? '').split(',').includes(label))) continue
    sum = (sum ?? 0) + Number(value)
  }
  return sum
}

/** The gateway's API itself: a start of the command line costs a second of CPU in an emulated VM. */
export const apiOf = (world: World, gateway: string): ApiClient =>
  createApiClient(join(world.dirOf(world.gateway(gateway).name), 'api.sock'), 5000)

export async function statusOf(world: World, gateway: string): Promise<unknown> {
  const answer = await apiOf(world, gateway).status()
  return answer.ok ? answer.value : null
}

export async function lookStatus(world: World, {status, expect}: Of<'status'>): Promise<Seen> {
  const answer = await statusOf(world, status.gateway)
  const value = status.path
    .split(/[.[\]]+/)
    .filter(Boolean)
    .reduce<unknown>(
      (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined),
      answer,
    )
  const ok = value === expect
  return {ok, detail: ok ? `${JSON.stringify(value)}` : `${JSON.stringify(value)}, ${JSON.stringify(expect)} expected`}
}

export async function lookExec(world: World, {exec, expect}: Of<'exec'>): Promise<Seen> {
  const {status, stdout, stderr} = await command(inNamespace(world.namespace(exec.in), 'sh', '-ec', exec.command), {
    timeoutMs: 20_000,
  })
  const output = stdout + stderr
  const ok = status === expect.status && (expect.output === undefined || new RegExp(expect.output, 'm').test(output))
  return {ok, detail: `status ${status}: ${output.trim().slice(0, 200)}`}
}
