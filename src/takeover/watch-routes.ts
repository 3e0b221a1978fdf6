import {Registry} from 'prom-client'
import type {GatewayConfig, RouteTable} from '../model/index.ts'
import {type Ability, createTakeoverJudge, type Word} from './judge.ts'
import {registerTakeoverMetrics} from './metrics.ts'
import {watchAbility} from './own-ability.ts'
import {runCommand} from './run-command.ts'
import {askWord, tellWord} from './words.ts'

const LOOK_MS = 500
/** Words that may fail to come before the twin is said not to answer: one may be late on a busy machine. */
const MISSED = 2
const AGAIN_MS = {first: 1000, most: 30_000}

export interface RouteWatchOptions {
  readonly config: GatewayConfig
  readonly table: RouteTable
  readonly signal: AbortSignal
  /** One line each: JSON, for whoever asks later why routes moved. */
  readonly tell: (event: Readonly<Record<string, unknown>>) => void
}

/** Watches until the signal, and takes the routes when they should be here. Throws where it cannot listen. */
export async function watchRoutes({config, table, signal, tell}: RouteWatchOptions): Promise<void> {
  const {twin} = config
  const judge = createTakeoverJudge(twin === null || config.gateway < twin, table)
  const ability = watchAbility(config, signal)
  let own: Ability | null = null
  const word = (): Word | null => own && {...own, ...judge.standing()}
  let heard: Word | null = null
  const register = new Registry()
  const metrics = registerTakeoverMetrics(register, () => {
    const now = word()
    return now && {own: now, twin: heard}
  })
  const server = await tellWord(table.listen, word, register)
  const env = {
    ISTHMUS_SITE: config.site,
    ISTHMUS_GATEWAY: config.gateway,
    ISTHMUS_PREFIXES: [...config.sites.values()].flatMap(({owns}) => owns).join(' '),
  }

  let missed = 0
  const listen = async (): Promise<void> => {
    const word = await askWord(table.twin)
    if (word !== null && word.gateway === twin) {
      if (missed > MISSED) tell({event: 'twin-answers', twin})
      missed = 0
      heard = word
      return
    }
    missed++
    if (missed <= MISSED) return
    if (missed === MISSED + 1) {
      const answers = word === null ? 'nobody' : word.gateway
      tell({event: 'twin-silent', twin, address: `${table.twin.address}:${table.twin.port}`, answers})
    }
    heard = null
  }

  let running = false
  let attempt = 0
  let againMs = 0
  const take = async (why: string): Promise<void> => {
    running = true
    attempt++
    const result = await runCommand(table.command, {...env, ISTHMUS_REASON: why}, {timeoutMs: table.timeoutMs, signal})
    running = false
    if (signal.aborted) return
    const {ok, status, timedOut, said, durationMs} = result
    metrics.ran(ok ? 'done' : timedOut ? 'timeout' : 'failed', durationMs / 1000)
    const of = {gateway: config.gateway, why, command: table.command, attempt, durationMs}
    if (ok) {
      judge.taken(performance.now())
      attempt = 0
      againMs = 0
      tell({event: 'routes-taken', ...of, term: judge.standing().term})
    } else {
      const waitMs = Math.min(AGAIN_MS.first * 2 ** (attempt - 1), AGAIN_MS.most)
      againMs = performance.now() + waitMs
      tell({event: 'routes-not-taken', ...of, status, timedOut, said, againInMs: waitMs})
    }
  }

  let before = ''
  const look = async (): Promise<void> => {
    const nowMs = performance.now()
    const [of] = await Promise.all([ability(nowMs), listen()])
    const verdict = judge.note(of, heard, performance.now())
    own = of
    const state = `${of.able} ${of.why}`
    if (state !== before) tell({event: 'able', gateway: of.gateway, able: of.able, why: of.why})
    before = state
    if (!verdict.take) attempt = 0
    else if (!running && performance.now() >= againMs) void take(verdict.why)
  }
  try {
    while (!signal.aborted) {
      const startedMs = performance.now()
      try {
        await look()
      } catch (error) {
        if (!signal.aborted) tell({event: 'look-failed', detail: (error as Error).message})
      }
      await pause(LOOK_MS - (performance.now() - startedMs), signal)
    }
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, Math.max(0, ms))
    signal.addEventListener('abort', end, {once: true})
  })
