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

/** What the log of changes is made from. Asked for every second: nothing here walks the members. */
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

  return () => {
    const current = runtime()
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
}

function configOf({versions, inForce, pending}: ReturnType<Configuration['control']['history']>): Watched['config'] {
  const how = versions.find(({version}) => version === inForce)?.how ?? ''
  return {version: inForce, how, pending: pending !== null}
}
