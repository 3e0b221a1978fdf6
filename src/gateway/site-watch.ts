import type {WatchClock, WatchState} from '../etcd/index.ts'
import {
  type Federation,
  isLost,
  judgeSite,
  nextPresence,
  SITE_STATES,
  type SiteSigns,
  type SiteState,
  siteFinding,
  wantedPresence,
} from '../federate/index.ts'
import type {Finding, GatewayConfig, Presence, SiteName, SourceId} from '../model/index.ts'
import {forgetKnown, loadSiteSigns, saveSiteSigns} from '../store/index.ts'
import type {PassReport} from './pass.ts'
import {inSlices, type Turnstile} from './slices.ts'

/** How a remote site stands. */
export interface Standing {
  readonly state: SiteState
  readonly signs: SiteSigns
}

export interface SiteWatch {
  readonly standings: () => ReadonlyMap<SiteName, Standing>
  readonly findings: () => readonly Finding[]
  /** Looks at all sites, and brings what is in force one step nearer to what should be. */
  look(): Promise<void>
  /** Looks once a second until the signal is aborted; what was seen is on disk then. */
  follow(clock: WatchClock, signal: AbortSignal): Promise<void>
}

export interface SiteWatchOptions {
  readonly config: GatewayConfig
  readonly federation: Federation
  readonly states: () => ReadonlyMap<SourceId, WatchState>
  /** Sites with a tunnel that is up. */
  readonly up: () => ReadonlySet<SiteName>
  readonly last: () => PassReport | null
  /** Forgets all that a source said, here and on disk, and listens anew. */
  readonly forget: (source: SourceId) => Promise<void>
  readonly nowMs: () => number
  readonly trigger: () => void
  /** Nobody compiles what is changed here. */
  readonly gate: Pick<Turnstile, 'enter'>
  readonly onError: (error: unknown) => void
}

const EVERY_MS = 1000
const SAVE_EVERY_MS = 60_000

/**
 * Follows the life of every remote site and puts in force what its state asks for. Begins with what was written down:
 * a site that was lost before a restart is lost after it, and one that was not has time to be heard of first.
 */
export async function createSiteWatch(options: SiteWatchOptions): Promise<SiteWatch> {
  const {config, federation, nowMs} = options
  const startedMs = nowMs()
  const stored = await loadSiteSigns(config.paths.state)
  const findings = [...stored.findings]
  /** Moments on our clock; those before the start are negative, or nearly so. */
  const seen = new Map<SiteName, {heardMs: number; upMs: number; lostMs: number | null; state: SiteState}>()
  for (const {name, lost} of config.sites.values()) {
    const before = stored.sites.get(name)
    const state = SITE_STATES.find((known) => known === before?.state) ?? 'fresh'
    const [heardMs, upMs] = [startedMs - (before?.silentMs ?? 0), startedMs - (before?.cutMs ?? 0)]
    seen.set(name, {heardMs, upMs, lostMs: isLost(state) ? startedMs - (before?.withdrawnMs ?? 0) : null, state})
    // It may have ended between the two: what is forgotten is not to be read again.
    if (state === 'forgotten') await forgetKnown(config.paths.state, `export/${name}`).catch(options.onError)
    await inSlices(federation.setPresence(name, wantedPresence(state, lost)))
  }

  const signsOf = (name: SiteName): SiteSigns => {
    const {heardMs, upMs, lostMs, state} = seen.get(name)!
    const at = nowMs()
    const {encapsulation, via} = config.sites.get(name)!
    // That a hub's tunnel is up says nothing of a site behind it.
    const isTunnelled = encapsulation !== 'none' && via.length === 0
    const cutMs = isTunnelled ? at - upMs : null
    const withdrawnMs = lostMs === null ? 0 : at - lostMs
    return {silentMs: at - heardMs, cutMs, watchedMs: at - startedMs, before: state, withdrawnMs}
  }

  const judge = (): void => {
    const up = options.up()
    for (const [name, site] of seen) {
      const heardMs = options.states().get(`export/${name}`)?.lastHeardMs ?? null
      if (heardMs !== null) site.heardMs = Math.max(site.heardMs, heardMs)
      if (up.has(name)) site.upMs = nowMs()
      site.state = judgeSite(signsOf(name), config.sites.get(name)!.lost)
      site.lostMs = isLost(site.state) ? (site.lostMs ?? nowMs()) : null
    }
  }

  const step = async (): Promise<void> => {
    const inForce = presencesInForce(options.last())
    for (const [name, {state}] of seen) {
      const wanted = wantedPresence(state, config.sites.get(name)!.lost)
      const asked = federation.world().sites.get(name)?.presence
      // One step, and the next one when this one is in the kernel.
      if (asked === undefined || wanted === asked || inForce?.get(name) !== asked) continue
      const next = nextPresence(asked, wanted)
      if (next === 'forgotten') await options.forget(`export/${name}`)
      const leave = await options.gate.enter()
      try {
        await inSlices(federation.setPresence(name, next))
      } finally {
        leave()
      }
      options.trigger()
    }
  }

  const save = async (): Promise<void> => {
    const signs = [...seen].map(([name, {heardMs, upMs, lostMs, state}]) => {
      const withdrawnMs = lostMs === null ? null : nowMs() - lostMs
      return [name, {silentMs: nowMs() - heardMs, cutMs: nowMs() - upMs, state, withdrawnMs}] as const
    })
    await saveSiteSigns(config.paths.state, new Map(signs)).catch(options.onError)
  }

  let looking: Promise<void> | null = null
  const look = (): Promise<void> => {
    judge()
    looking ??= step()
      .catch(options.onError)
      .finally(() => {
        looking = null
      })
    return looking
  }

  return {
    standings: () => new Map([...seen].map(([name, {state}]) => [name, {state, signs: signsOf(name)}])),
    findings: () => [
      ...findings,
      ...[...seen].flatMap(
        ([name, {state}]) => siteFinding(name, state, signsOf(name), config.sites.get(name)!.lost) ?? [],
      ),
    ],
    look,
    async follow(clock, signal) {
      let saveMs = nowMs() + SAVE_EVERY_MS
      while (!signal.aborted) {
        await clock.sleep(EVERY_MS, signal)
        await look()
        if (nowMs() < saveMs) continue
        await save()
        saveMs = nowMs() + SAVE_EVERY_MS
      }
      if (seen.size > 0) await save()
    },
  }
}

/** What the kernel has of each site; null while that is not known. */
export function presencesInForce(report: PassReport | null): ReadonlyMap<SiteName, Presence> | null {
  if (!report || report.held || report.unread.has('nft')) return null
  const failed = new Set(report.failures.map(({step}) => step))
  if (report.steps.some(({driver, key}) => driver === 'nft' && failed.has(key))) return null
  return new Map([...report.world.sites].map(([name, {presence}]) => [name, presence]))
}
