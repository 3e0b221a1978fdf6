import type {Watched} from '../api/index.ts'
import type {Finding, World} from '../model/index.ts'
import type {Configuration} from './configuration.ts'
import {tunnelUp} from './monitor.ts'
import type {Runtime} from './runtime.ts'
import {datastoreRows, sessionRows} from './summaries.ts'

interface WatchedOptions {
  readonly runtime: () => Runtime
  readonly configuration: Pick<Configuration, 'control'>
  readonly findings: () => readonly Finding[]
  readonly nowMs: () => number
}

/** What a new configuration has not looked at by then is gone, or away. */
const SETTLES_MS = 15_000

/**
 * What the log of changes is made from. Asked for every second: nothing here walks the members. Another configuration begins
 * with nothing seen, and traffic flows on: until it has looked, what was seen before it counts.
 */
export function createWatched({runtime, configuration, findings, nowMs}: WatchedOptions): () => Watched {
  let policies: {
    readonly of: World['policies']
    readonly staged: World['staged']
    readonly rows: Watched['policies']
  } | null = null

  const policiesOf = ({policies: now, staged}: World): Watched['policies'] => {
    if (policies?.of === now && policies.staged === staged) return policies.rows
    const rows = [
      ...now.tiers.map((document) => ({name: `Tier ${document.meta.name}`, document})),
      ...[...now.policies, ...staged].map((document) => ({name: `${document.kind} ${document.meta.name}`, document})),
    ]
    policies = {of: now, staged, rows}
    return rows
  }

  const look = (current: Runtime): Watched => {
    const {monitor, siteWatch, drain, publishing} = current
    const world = current.world()
    const standings = siteWatch.standings()
    return {
      config: configOf(configuration.control.history()),
      drainingSince: drain.since(),
      leader: publishing.leadership().leader,
      tunnels: (current.last()?.planned?.desired.tunnels ?? []).map((tunnel) => ({
        name: tunnel.id,
        up: tunnelUp(tunnel, monitor),
      })),
      sessions: sessionRows(current),
      datastores: datastoreRows(current, nowMs()),
      sites: [...world.sites.keys()].map((name) => ({name, state: standings.get(name)?.state ?? null})),
      policies: policiesOf(world),
      findings: findings(),
    }
  }

  let begun: {readonly runtime: Runtime; readonly sinceMs: number} | null = null
  let hasSettled = false
  let settled: Watched | null = null
  return () => {
    const current = runtime()
    if (begun?.runtime !== current) {
      begun = {runtime: current, sinceMs: nowMs()}
      hasSettled = false
    }
    const isYoung = nowMs() - begun.sinceMs < SETTLES_MS
    const seen = look(current)
    // It is elected anew, which takes longer than to look.
    const now = {...seen, leader: seen.leader ?? (isYoung ? (settled?.leader ?? null) : null)}
    hasSettled ||= settled === null || !isYoung || hasLooked(current)
    if (hasSettled || settled === null) {
      settled = now
      return now
    }
    const {config, drainingSince} = now
    return {...settled, config, drainingSince, findings: [...now.findings, ...settled.findings]}
  }
}

/** At everything that it reports, once. */
const hasLooked = ({last, monitor, sources}: Runtime): boolean =>
  last()?.planned != null &&
  monitor.router() !== null &&
  sources.ids.every((id) => {
    const state = sources.states().get(id)
    return state !== undefined && (state.connected || state.lastError !== null)
  })

function configOf({versions, inForce, pending}: ReturnType<Configuration['control']['history']>): Watched['config'] {
  const how = versions.find(({version}) => version === inForce)?.how ?? ''
  return {version: inForce, how, pending: pending !== null}
}
