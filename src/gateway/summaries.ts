import type {DatastoreStatus, ExportStatus, SessionStatus, SiteStatus, TunnelStatus} from '../api/index.ts'
import type {SiteName, Tunnel} from '../model/index.ts'
import type {ProbeSample} from '../probe/index.ts'
import {tunnelUp} from './monitor.ts'
import type {Runtime} from './runtime.ts'

/** The tables of `isthmus status`, each from what was last planned, read or seen. */
export function tunnelRows({last, monitor, tunnelHealth, carriers}: Runtime): TunnelStatus[] {
  const planned = last()?.planned
  const desired = planned?.desired
  const readings = tunnelHealth.readings()
  return (desired?.tunnels ?? []).map((tunnel: Tunnel) => {
    const counters = monitor.counters().get(tunnel.device)
    return {
      name: tunnel.id,
      site: tunnel.site,
      gateway: tunnel.gateway,
      uplink: tunnel.localUplink,
      encapsulation: tunnel.encapsulation,
      device: tunnel.device,
      local: tunnel.local,
      peer: tunnel.peer,
      mtu: desired?.links.find(({name}) => name === tunnel.device)?.mtu ?? null,
      configuredMtu: planned?.tunnelMtus.get(tunnel.device) ?? null,
      probes: readings.get(tunnel.device) ?? null,
      forms: carriers.forms.seen(tunnel),
      up: counters !== undefined && tunnelUp(tunnel, monitor),
      rxBytes: counters?.receive.bytes ?? 0,
      txBytes: counters?.transmit.bytes ?? 0,
      rxPackets: counters?.receive.packets ?? 0,
      txPackets: counters?.transmit.packets ?? 0,
      errors: (counters?.receive.errors ?? 0) + (counters?.transmit.errors ?? 0),
    }
  })
}

const isoOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

export function sessionRows({monitor, last}: Runtime): SessionStatus[] {
  const router = monitor.router()
  if (!router) return []
  const bgp = router.sessions.map(
    (session): SessionStatus => ({
      name: session.name,
      protocol: 'bgp',
      kind: session.kind,
      neighbor: session.neighbor,
      as: session.as,
      state: session.state,
      up: session.up,
      since: isoOf(session.sinceMs),
      imported: session.imported,
      exported: session.exported,
      lastError: session.lastError,
    }),
  )
  const kinds = new Map([
    ...(last()?.planned?.desired.tunnels ?? []).map(({peer}) => [peer as string, 'tunnel'] as const),
    ...router.sessions.map(({neighbor, kind}) => [neighbor, kind] as const),
  ])
  const bfd = router.bfd.map(
    (session): SessionStatus => ({
      name: session.neighbor,
      protocol: 'bfd',
      kind: kinds.get(session.neighbor) ?? 'wan',
      neighbor: session.neighbor,
      as: null,
      state: session.state,
      up: session.up,
      since: isoOf(session.sinceMs),
      imported: null,
      exported: null,
      lastError: null,
    }),
  )
  return [...bgp, ...bfd]
}

export function datastoreRows({world, sources, config}: Runtime, nowMs: number): DatastoreStatus[] {
  const known = world().sources
  return sources.ids.map((id) => {
    const watch = sources.states().get(id)
    const held = known.get(id)
    const heardMs = watch?.lastHeardMs ?? null
    return {
      name: id,
      site: id.startsWith('export/') ? id.slice('export/'.length) : config.site,
      connected: watch?.connected ?? false,
      synced: watch?.synced ?? false,
      restored: held?.restored === true && !held.synced,
      revision: held?.revision ?? 0,
      ageSeconds: heardMs === null ? null : Math.round(nowMs - heardMs) / 1000,
      keys: held?.keys ?? 0,
      decodeErrors: held?.decodeErrors ?? 0,
      lastError: watch?.lastError ?? null,
    }
  })
}

export function exportStatus({publishing}: Pick<Runtime, 'publishing'>): ExportStatus {
  const {leader, leads, leaseAgeSeconds, lastError} = publishing.leadership()
  return {leader, leads, leaseAgeSeconds, lastError}
}

export function siteRows(runtime: Runtime): SiteStatus[] {
  const {world: worldNow, siteWatch, config, memberCounts} = runtime
  const world = worldNow()
  const tunnels = tunnelRows(runtime)
  const standings = siteWatch.standings()
  const counts = memberCounts(world)
  const seconds = (ms: number | null | undefined): number | null => (ms == null ? null : Math.round(ms) / 1000)
  return [...world.sites.values()].map((site) => ({
    name: site.name,
    local: site.name === world.local,
    state: standings.get(site.name)?.state ?? null,
    presence: site.presence,
    silentSeconds: seconds(standings.get(site.name)?.signs.silentMs),
    cutSeconds: seconds(standings.get(site.name)?.signs.cutMs),
    via: hubRows(config.sites.get(site.name)?.via ?? [], tunnels),
    as: site.as,
    granted: site.granted,
    prefixes: site.prefixes,
    gateways: site.gateways.length,
    ...(counts.get(site.name) ?? {pods: 0, hosts: 0, sets: 0, staticPrefixes: 0}),
    refused: world.refused.get(site.name) ?? 0,
  }))
}

/** Whether a hub can still be reached; what it reaches itself BGP tells by its routes. */
export const hubRows = (
  via: readonly SiteName[],
  tunnels: readonly Pick<TunnelStatus, 'site' | 'up'>[],
): SiteStatus['via'] => via.map((hub) => ({hub, up: tunnels.some(({site, up}) => up && site === hub)}))

/** What a scrape tells of the probes over each tunnel. */
export function probeSamples(runtime: Runtime): ProbeSample[] {
  const sites = new Map(runtime.last()?.planned?.desired.tunnels.map(({id, site}) => [id, site]))
  const measured = runtime.tunnelHealth.readings()
  return tunnelRows(runtime).flatMap(({name, device, mtu, configuredMtu, forms}) => {
    const site = sites.get(name)
    if (site === undefined) return []
    const readings = measured.get(device) ?? null
    const known = mtu === null || configuredMtu === null ? null : {configured: configuredMtu, measured: mtu}
    return [{id: name, site, readings, mtu: known, forms}]
  })
}
