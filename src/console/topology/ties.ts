import type {SiteStatus, TunnelStatus} from '../../api/client.ts'
import type {State} from '../state.ts'

/** A site as the picture has it: with all tunnels to it as one tie. */
export interface Tie {
  readonly site: SiteStatus
  readonly state: State
  readonly word: string
  readonly tunnels: readonly TunnelStatus[]
  readonly up: number
  /** The best of those that are up. */
  readonly rttMs: number | null
}

/** Every other site in the order of names, with what can be said of the way to it. */
export function tiesOf(sites: readonly SiteStatus[], tunnels: readonly TunnelStatus[]): Tie[] {
  const bySite = Map.groupBy(tunnels, ({site}) => site)
  return sites
    .filter(({local}) => !local)
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', {numeric: true}))
    .map((site): Tie => {
      const own = bySite.get(site.name) ?? []
      const up = own.filter((tunnel) => tunnel.up)
      const rtts = up.flatMap(({probes}) => probes?.small.lastMs ?? [])
      return {
        ...{site, tunnels: own, up: up.length, ...stateOf(site, own.length, up.length)},
        rttMs: rtts.length > 0 ? Math.min(...rtts) : null,
      }
    })
}

function stateOf(
  {presence, state}: SiteStatus,
  all: number,
  up: number,
): {readonly state: State; readonly word: string} {
  if (presence === 'closed' || presence === 'withdrawn') return {state: 'down', word: `lost, ${presence}`}
  if (presence === 'forgotten') return {state: 'idle', word: 'forgotten'}
  if (all > 0 && up === 0) return {state: 'down', word: 'cut off'}
  if (state !== null && state !== 'fresh') return {state: 'warn', word: state}
  if (up < all) return {state: 'warn', word: `${all - up} of ${all} tunnels down`}
  return all === 0 ? {state: 'idle', word: 'reached by others'} : {state: 'up', word: 'all tunnels up'}
}
