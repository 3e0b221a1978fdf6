import type {WhyNotResult} from '../api/index.ts'
import type {BirdRoute} from '../model/index.ts'
import {hostPrefix, type Prefix, parseAddress, parseCidr, prefixAddress, prefixLength} from '../net/index.ts'
import type {RouteQuestion} from '../observe/index.ts'
import {whyNot as walk} from '../routing/index.ts'
import {readPasswords} from './passwords.ts'
import {askBird, type Routed} from './route-rows.ts'
import type {Runtime} from './runtime.ts'

type Asked = Routed & Pick<Runtime, 'monitor' | 'drain' | 'heldSessions' | 'findings'>

/** Collects what the walk looks at: the plan's input, what BIRD has and refused, the sessions of the last look. */
export async function whyNot(runtime: Asked, text: string): Promise<WhyNotResult> {
  const address = parseAddress(text)
  const prefix = address ? hostPrefix(address) : parseCidr(text)
  if (prefix === null) {
    return {ok: false, code: 'bad-request', problem: `${text} is neither a prefix nor an address; such as 10.2.0.0/16`}
  }
  const {config, last, monitor} = runtime
  const [routes, {passwords}] = await Promise.all([
    askBird(config.paths.birdSocket, async (ask) => ({
      covering: [...(await ask({of: 'for', prefix}))],
      inside: firstOf(await ask({of: 'inside', prefix})),
      filtered: [...firstOf(await ask({of: 'inside', prefix, filtered: true})), ...(await refusedAround(ask, prefix))],
    })),
    readPasswords(config),
  ])
  const sessions = monitor.router()?.sessions ?? []
  const input = {
    config,
    world: runtime.world(),
    tunnels: last()?.planned?.desired.tunnels ?? [],
    passwords,
    draining: runtime.drain.since() !== null,
    held: runtime.heldSessions.held(),
  }
  const bird = routes && {...routes, sessions}
  return {ok: true, answer: walk({input, findings: runtime.findings(), bird}, prefix)}
}

type Ask = (question: RouteQuestion) => Promise<Iterable<BirdRoute>>

/** Enough for a reason; inside of everything there may be half a million. */
const firstOf = (routes: Iterable<BirdRoute>): BirdRoute[] => [...Iterator.from(routes).take(1000)]

/** What is longer BIRD finds by itself; of what holds the prefix it knows only what counts, so each length is asked for. */
async function refusedAround(ask: Ask, prefix: Prefix): Promise<BirdRoute[]> {
  const found: BirdRoute[] = []
  for (let length = prefixLength(prefix) - 1; length >= 0; length--) {
    const around = parseCidr(`${prefixAddress(prefix)}/${length}`)!
    found.push(...(await ask({of: 'exactly', prefix: around, filtered: true})))
  }
  return found
}
