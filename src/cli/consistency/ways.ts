import type {AllowedWays} from '../../diagnose/index.ts'
import {type GatewayConfig, neighborsTo} from '../../model/index.ts'

/** By which devices packets for each remote site may leave: its tunnels, its hubs', or the uplinks where it has none by configuration. */
export function waysOf(
  config: GatewayConfig,
  tunnels: readonly {readonly site: string; readonly device: string}[],
): AllowedWays[] {
  const uplinks = config.uplinks.flatMap(({device}) => device ?? [])
  return [...config.sites.values()].map((remote) => {
    const neighbors: readonly string[] = neighborsTo(remote)
    return {
      site: remote.name,
      prefixes: remote.owns,
      // Where there is to be none there may be one yet.
      devices: [
        ...(remote.encapsulation === 'none' ? uplinks : []),
        ...tunnels.flatMap(({site, device}) => (neighbors.includes(site) ? [device] : [])),
      ],
    }
  })
}
