import type {AllowedWays} from '../../diagnose/index.ts'
import {type GatewayConfig, type NativeWays, neighborsTo} from '../../model/index.ts'

/** By which devices packets for each remote site may leave: its tunnels, its hubs', and the uplinks' where the WAN carries it. */
export function waysOf(
  config: GatewayConfig,
  tunnels: readonly {readonly site: string; readonly device: string}[],
  native: NativeWays,
  uplinkDevices: readonly string[],
): AllowedWays[] {
  return [...config.sites.values()].map((remote) => {
    const neighbors: readonly string[] = neighborsTo(remote)
    return {
      site: remote.name,
      prefixes: remote.owns,
      // While one way follows another there are both.
      devices: [
        ...(native.has(remote.name) ? uplinkDevices : []),
        ...tunnels.flatMap(({site, device}) => (neighbors.includes(site) ? [device] : [])),
      ],
    }
  })
}
