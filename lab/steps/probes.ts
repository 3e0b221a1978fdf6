import {slowness} from '../environment.ts'
import {command, inNamespace} from '../processes.ts'
import type {Check} from '../scenario/schema.ts'
import type {World} from '../world.ts'
import type {Seen} from './result.ts'

/** A packet that policy drops is never answered; on a lab's links an answer takes under a millisecond. */
const PATIENCE_MS = slowness() > 1 ? 3000 : 1000
/** Where a check may be asked again, each try is short: a first packet that came too early must not cost a second. */
const SHORT_PATIENCE_MS = 200 * slowness()

const patienceOf = (withinMs: number | undefined): number => (withinMs ? SHORT_PATIENCE_MS : PATIENCE_MS)

type Of<K extends string> = Extract<Check, Record<K, unknown>>

async function pingOnce(world: World, from: string, to: string, patienceMs: number): Promise<boolean> {
  const seconds = String(patienceMs / 1000)
  const argv = inNamespace(world.namespace(from), 'ping', '-n', '-q', '-c', '1', '-W', seconds, world.addressOf(to))
  return (await command(argv)).status === 0
}

export async function lookPing(world: World, {ping, expect, withinMs}: Of<'ping'>): Promise<Seen> {
  const answered = await pingOnce(world, ping.from, ping.to, patienceOf(withinMs))
  return {ok: answered === (expect === 'ok'), detail: answered ? 'answered' : 'no answer'}
}

export async function lookTcp(world: World, {tcp, expect, sourceSeen, withinMs}: Of<'tcp'>): Promise<Seen> {
  const agent = world.agents.get(tcp.from)
  if (!agent) return {ok: false, detail: `no pod ${tcp.from}`}
  const {open, source, reason} = await agent.connect(world.addressOf(tcp.to), tcp.port, patienceOf(withinMs))
  if (expect === 'refused') return {ok: !open, detail: open ? `open, seen as ${source}` : `${reason}`}
  const right = open && (sourceSeen === undefined || source === sourceSeen)
  return {ok: right, detail: open ? `open, seen as ${source}` : `${reason}`}
}

/** All ordered pairs of pods of different sites, in parallel: what works must be exactly what is allowed. */
export async function lookMatrix(world: World, {matrix, allow}: Of<'matrix'>): Promise<Seen> {
  const pods = world.plan.pods
  const pairs = pods.flatMap((from) =>
    pods.filter((to) => to.site !== from.site).map((to) => [from.ref, to.ref] as const),
  )
  const allowed = new Set(allow === 'all' ? pairs.map((pair) => pair.join()) : allow.map((pair) => pair.join()))
  const wrong: string[] = []
  let works = 0
  await Promise.all(
    pairs.map(async ([from, to]) => {
      const ok =
        matrix.probe === 'ping'
          ? await pingOnce(world, from, to, PATIENCE_MS)
          : (await world.agents.get(from)!.connect(world.addressOf(to), Number(matrix.probe.slice(4)), PATIENCE_MS))
              .open
      if (ok) works++
      if (ok !== allowed.has(`${from},${to}`)) wrong.push(`${from} → ${to} ${ok ? 'works' : 'does not'}`)
    }),
  )
  const known = new Set(pairs.map((pair) => pair.join()))
  for (const pair of allowed) if (!known.has(pair)) wrong.push(`${pair}: no such pair`)
  const total = `${works} of ${pairs.length} pairs work`
  return {ok: wrong.length === 0, detail: wrong.length === 0 ? total : `${total}; wrong: ${wrong.sort().join(', ')}`}
}
