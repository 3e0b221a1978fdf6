import type {Finding, LostRule, Presence, SiteName} from '../model/index.ts'

/** `withdrawn`: what the operator chose for a lost site is in force, `withdraw` or `deny`; `forgotten`: for so long that it is. */
export type SiteState = 'fresh' | 'suspect' | 'stale' | 'withdrawn' | 'forgotten'

export const SITE_STATES: readonly SiteState[] = ['fresh', 'suspect', 'stale', 'withdrawn', 'forgotten']

/** What was lost stays so until it is heard of. */
export const isLost = (state: SiteState): boolean => state === 'withdrawn' || state === 'forgotten'

/** What is known of a remote site's life, as durations: whatever clock they were taken by is their taker's business. */
export interface SiteSigns {
  /** Since its etcd last answered. Where it never did: since it was first asked. */
  readonly silentMs: number
  /** Since a tunnel to it was last up; 0: one is. Null: it has none by configuration, and its etcd alone decides. */
  readonly cutMs: number | null
  /** Since somebody looks: a start has seen nothing yet, and must not take that for silence. */
  readonly watchedMs: number
  /** As it was judged last, by an earlier run too. */
  readonly before: SiteState
  /** Since it was found lost; 0: it was not. */
  readonly withdrawnMs: number
}

/** Silence counts as loss only after somebody has listened so long: etcd and BIRD have answered by then. */
export const LISTEN_MS = 15_000

/**
 * How a remote site stands.
 *
 *     fresh ──suspectAfter──► suspect ──staleAfter──► stale ──after, and no tunnel for as long──► withdrawn
 *       ▲                        │                      │                                            │
 *       └────────────────────────┴──── a word of its etcd ─────────────────────────────────────────┘──forgetAfter──► forgotten
 *
 * Knowledge that is old but whose tunnels are up is the best there is and stays in force: packets still find their way,
 * and a gateway that lost the other side's etcd is no reason to cut its flows. So a tunnel that comes up ends
 * `withdrawn`, too. With `hold` nothing ever begins it. A forgotten site has no tunnel left, and comes back by its etcd.
 */
export function judgeSite({silentMs, cutMs, watchedMs, before, withdrawnMs}: SiteSigns, rule: LostRule): SiteState {
  if (silentMs < rule.suspectAfterMs) return 'fresh'
  const lostMs = Math.min(silentMs, cutMs ?? Number.POSITIVE_INFINITY)
  const isSure = watchedMs >= LISTEN_MS || isLost(before)
  if (rule.action !== 'hold' && lostMs >= rule.afterMs && isSure) {
    return isLost(before) && rule.forgetAfterMs !== null && withdrawnMs >= rule.forgetAfterMs
      ? 'forgotten'
      : 'withdrawn'
  }
  return silentMs < rule.staleAfterMs ? 'suspect' : 'stale'
}

/** What of a site should be in force in a state. */
export function wantedPresence(state: SiteState, {action}: LostRule): Presence {
  if (state === 'forgotten') return 'forgotten'
  if (state !== 'withdrawn') return 'open'
  return action === 'deny' ? 'closed' : 'withdrawn'
}

const WAY: readonly Presence[] = ['open', 'closed', 'withdrawn', 'forgotten']

/**
 * The next presence on the way from what the kernel has to what is wanted, one step at a time: a site is closed before
 * its endpoints go, and they are all back before it opens.
 */
export function nextPresence(inForce: Presence, wanted: Presence): Presence {
  const [from, to] = [WAY.indexOf(inForce), WAY.indexOf(wanted)]
  return WAY[from + Math.sign(to - from)]!
}

/** A site that is only suspect is a matter of seconds, and no finding. */
export function siteFinding(site: SiteName, state: SiteState, signs: SiteSigns, rule: LostRule): Finding | null {
  const where = {source: `export ${site}`}
  const remedy = `\`isthmus diagnose datastore ${site}\` walks to its etcd; \`isthmus get tunnels\`: does it live?`
  if (state === 'stale') {
    const detail = `site ${site} has not been heard of for ${spoken(rule.staleAfterMs)}; what it said last stays in force`
    return {code: 'site-stale', severity: 'warning', where, detail, remedy}
  }
  if (state === 'forgotten') {
    const after = spoken(rule.forgetAfterMs ?? 0)
    const detail = `site ${site} is forgotten: it was lost for ${after}, and nothing that it said is kept here`
    const mend = `\`isthmus site leave ${site}\` if it is gone for good; else it is back when its etcd answers`
    return {code: 'site-forgotten', severity: 'error', where, detail, remedy: mend}
  }
  if (state !== 'withdrawn') return null
  const both = signs.cutMs === null ? 'nothing was heard of it' : 'neither its etcd nor a tunnel to it was there'
  const done = rule.action === 'deny' ? 'all flows with it are denied' : 'its endpoints and routes are taken out'
  const detail = `site ${site} is lost: ${both} for ${spoken(rule.afterMs)}, so ${done} (sites.${site}.lost)`
  return {code: 'site-withdrawn', severity: 'error', where, detail, remedy}
}

/** The largest unit that divides it: as it was configured, mostly. */
function spoken(ms: number): string {
  for (const [unit, size] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
  ] as const) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  }
  return `${ms / 1000}s`
}
