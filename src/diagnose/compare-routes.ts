import {type Prefix, PrefixTable, prefixContains} from '../net/index.ts'
import type {Difference} from './difference.ts'

/** A route of the kernel's main table; no devices: packets are refused (`unreachable`, `blackhole`). */
export interface KernelRoute {
  readonly prefix: Prefix
  readonly devices: readonly string[]
}

/** A remote site's prefixes, and the devices by which packets for them may leave. */
export interface AllowedWays {
  readonly site: string
  readonly prefixes: readonly Prefix[]
  readonly devices: readonly string[]
}

export interface RouteReport {
  readonly differences: readonly Difference[]
  /** Endpoints of remote sites for which the kernel has a way now, and for which it has none (their tunnels are down). */
  readonly reached: number
  readonly unreached: number
}

/**
 * Whether packets to remote sites can leave only by the devices that the plan allows, wherever BGP stands at the moment:
 * each route inside a remote prefix goes by one of these or refuses, and each remote prefix has a route, so that nothing
 * falls through to the default one.
 */
export function compareRoutes(
  routes: readonly KernelRoute[],
  ways: readonly AllowedWays[],
  endpoints: Iterable<readonly [site: string, prefix: Prefix]>,
): RouteReport {
  const differences: Difference[] = []
  const table = new PrefixTable(routes.map((route) => [route.prefix, route] as const))
  for (const {site, prefixes, devices} of ways) {
    const means = devices.length > 0 ? `by ${devices.join(' or ')}, or refused` : 'refused'
    for (const prefix of prefixes) {
      for (const route of routes) {
        const wrong = route.devices.filter((device) => !devices.includes(device))
        if (prefixContains(prefix, route.prefix) && wrong.length > 0) {
          differences.push({where: `route ${route.prefix} of ${site}`, kernel: `by ${wrong.join(', ')}`, wanted: means})
        }
      }
      const covering = table.covering(prefix)
      if (!covering || !prefixes.some((own) => prefixContains(own, covering.prefix))) {
        differences.push({where: `route ${prefix} of ${site}`, kernel: 'not there', wanted: means})
      }
    }
  }
  let [reached, unreached] = [0, 0]
  for (const [, prefix] of endpoints) {
    if ((table.covering(prefix)?.devices.length ?? 0) > 0) reached++
    else unreached++
  }
  return {differences, reached, unreached}
}
