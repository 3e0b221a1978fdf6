import type {Flows, Received, Tries} from '../agent/protocol.ts'
import {slowness} from '../environment.ts'
import type {During} from '../scenario/schema.ts'
import type {World} from '../world.ts'
import {makeHappen} from './events.ts'
import {inRange, printRange, type Seen} from './result.ts'

/** Traffic runs this long before the first event, so that what it finds is not a beginning. */
const BEFORE_MS = 300
/** Datagrams still on their way when the sender stops. */
const LATE_MS = 300
const NEW_FLOW_EVERY_MS = 50
const TRY_EVERY_MS = 50

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export interface Loss {
  readonly sent: number
  readonly lost: number
}

/** What of `sent` numbers from 0 did not come to the pod. */
export function lossOf(sent: number, {ranges, overflowed}: Pick<Received, 'ranges' | 'overflowed'>): Loss {
  const arrived = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)
  return {sent, lost: Math.max(0, sent - arrived - overflowed)}
}

/** What became of the traffic while events happened. */
export interface Measured {
  readonly ways: readonly (readonly [from: string, to: string])[]
  /** By way. */
  readonly losses: readonly Loss[]
  /** By way, for people. */
  readonly stretches: readonly (readonly string[])[]
  /** The longest of all ways. */
  readonly gapMs: number
  /** What came to pods that had no time to read it, and is not lost. */
  readonly overflowed: number
  readonly flows: Flows | null
  readonly tries: Tries | null
}

/**
 * The longest time that traffic was lost for: both no datagram came, and as many numbers in a row are missing. One without the
 * other is a receiver that had no time. What never came back is a gap to the end.
 */
export function gapOf(
  sent: number,
  {ranges, longestGapMs}: Pick<Received, 'ranges' | 'longestGapMs'>,
  intervalMs: number,
): number {
  const tail = sent - 1 - (ranges.at(-1)?.[1] ?? -1)
  const missing = ranges.slice(1).map(([first], index) => first - ranges[index]![1] - 1)
  return Math.max(tail * intervalMs, Math.min(longestGapMs, (Math.max(0, ...missing) + 1) * intervalMs))
}

/** So many stretches of what is missing are told. */
const MOST_STRETCHES = 4

/** The longest stretches of missing numbers, in their order, each with the time of day when it began: what logs can be read beside. */
export function stretchesOf(
  sent: number,
  ranges: Received['ranges'],
  began: number,
  intervalMs: number,
): readonly string[] {
  const ends = [...ranges.map(([first]) => first), sent]
  return ends
    .map((end, index) => ({from: (ranges[index - 1]?.[1] ?? -1) + 1, end}))
    .filter(({from, end}) => end > from)
    .toSorted((a, b) => b.end - b.from - (a.end - a.from))
    .slice(0, MOST_STRETCHES)
    .toSorted((a, b) => a.from - b.from)
    .map(({from, end}) => `${end - from} from ${new Date(began + from * intervalMs).toISOString().slice(11, 23)}`)
}

/** Lets events happen under traffic, and counts what was lost on the way. */
export async function measureDuring(world: World, step: During, dir: string): Promise<Measured> {
  const {udp, tcp, refused} = step.traffic
  const agent = (ref: string) => {
    const found = world.agents.get(ref)
    if (!found) throw new Error(`no pod ${ref}`)
    return found
  }
  const ways: [from: string, to: string][] = udp
    ? [
        [udp.from, udp.to],
        [udp.to, udp.from],
      ]
    : []
  await Promise.all(ways.map(([, to]) => agent(to).forget()))
  // The answers to the first way are the second.
  const begun = udp?.answered ? ways.slice(0, 1) : ways
  const intervalMs = (udp?.intervalMs ?? 0) * slowness() * slowness()
  const began = Date.now()
  await Promise.all(begun.map(([from, to]) => agent(from).startUdp(world.addressOf(to), intervalMs, udp!.answered)))
  if (tcp) await agent(tcp.from).startFlows(world.addressOf(tcp.to), NEW_FLOW_EVERY_MS * slowness())
  if (refused)
    await agent(refused.from).startTries(world.addressOf(refused.to), refused.port, TRY_EVERY_MS * slowness())
  await pause(BEFORE_MS * slowness())
  try {
    for (const event of step.events) await makeHappen(world, event, dir)
  } catch (error) {
    // Traffic that went on would be counted in the steps that follow.
    await Promise.all(begun.map(([from]) => agent(from).stopUdp()))
    if (tcp) await agent(tcp.from).stopFlows()
    if (refused) await agent(refused.from).stopTries()
    throw error
  }
  await pause((step.settleMs * slowness()) / (slowness() > 1 ? 2 : 1))

  const stopped = await Promise.all(begun.map(([from]) => agent(from).stopUdp()))
  const sent = ways.map((_, index) => stopped[index] ?? stopped[0]!)
  const lossesNow = async () => {
    const received = await Promise.all(ways.map(([, to]) => agent(to).received()))
    const losses = ways.map((_, index) => {
      // What was not read was not answered either.
      const unanswered = udp?.answered && index === 1 ? received[0]!.overflowed : 0
      const {ranges, overflowed} = received[index]!
      return lossOf(sent[index]!.sent, {ranges, overflowed: overflowed + unanswered})
    })
    return {received, losses}
  }
  const end = performance.now() + LATE_MS * slowness()
  let {received, losses} = await lossesNow()
  // What has all arrived is not waited for.
  while (losses.some((loss) => loss.lost > 0) && performance.now() < end) {
    await pause(LATE_MS / 10)
    ;({received, losses} = await lossesNow())
  }
  const flows = tcp ? await agent(tcp.from).stopFlows() : null
  const tries = refused ? await agent(refused.from).stopTries() : null
  const gaps = received.map((one, index) => gapOf(sent[index]!.sent, one, intervalMs))
  const overflowed = received.reduce((sum, one) => sum + one.overflowed, 0)
  const stretches = received.map(({ranges}, index) => stretchesOf(sent[index]!.sent, ranges, began, intervalMs))
  return {ways, losses, stretches, gapMs: Math.max(0, ...gaps), overflowed, flows, tries}
}

/** The same, against what is expected. */
export async function runDuring(world: World, step: During, dir: string): Promise<Seen> {
  const {ways, losses, stretches, gapMs, overflowed, flows, tries} = await measureDuring(world, step, dir)
  const {expect} = step
  const {udp} = step.traffic
  const lost = losses.reduce((sum, loss) => sum + loss.lost, 0)
  const wrong: string[] = []
  const share = lost / losses.reduce((sum, loss) => sum + loss.sent, 0)
  if (udp && expect.lostShare !== undefined) {
    if (!inRange(share, expect.lostShare)) wrong.push(`a share of ${printRange(expect.lostShare)} lost expected`)
  } else if (udp && !inRange(lost, expect.lost)) wrong.push(`lost ${printRange(expect.lost)} expected`)
  if (udp && expect.gapMs !== undefined && !inRange(gapMs, expect.gapMs))
    wrong.push(`gap ${printRange(expect.gapMs)} ms expected`)
  if (flows && !inRange(flows.broken, expect.brokenFlows))
    wrong.push(`broken flows ${printRange(expect.brokenFlows)} expected`)
  if (flows && !inRange(flows.failed, expect.failedFlows))
    wrong.push(`failed flows ${printRange(expect.failedFlows)} expected`)
  if (tries && tries.opened > 0) wrong.push('nothing refused may open')
  // Traffic that never flowed loses nothing: it must have flowed.
  if (losses.some((loss) => loss.sent === 0) || flows?.opened === 0 || tries?.tried === 0)
    wrong.push('no traffic flowed')
  const parts = [
    ...losses.map(({lost, sent}, index) => {
      const when = lost > 0 && stretches[index]!.length > 0 ? ` (${stretches[index]!.join(', ')})` : ''
      return `${ways[index]!.join(' → ')}: ${lost} of ${sent} lost${when}`
    }),
    ...(udp ? [`longest gap ${gapMs} ms`] : []),
    ...(overflowed > 0 ? [`${overflowed} more came to pods that had no time to read them`] : []),
    ...(flows ? [`${flows.opened} new flows, ${flows.failed} failed, ${flows.broken} broken`] : []),
    ...(tries ? [`${tries.opened} of ${tries.tried} that are refused opened`] : []),
    ...wrong,
  ]
  return {ok: wrong.length === 0, detail: parts.join('; ')}
}
