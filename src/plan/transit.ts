import {
  type GatewayConfig,
  type NftChain,
  type NftSet,
  type SiteName,
  sitesThrough,
  type Tunnel,
} from '../model/index.ts'
import {deviceChain} from './device-chains.ts'
import {drop, dropOf, loopedRules} from './drops.ts'
import {byFamily, errorSources, icmpErrors, isClosedTo, SYN} from './rule-texts.ts'
import type {RulesetInput} from './ruleset.ts'
import {BEFORE_CONNTRACK} from './translation.ts'

/** Of packets from one tunnel into another. */
export const BETWEEN = 'between'

/**
 * What a hub forwards from tunnel to tunnel: packets between two sites that it is a hub for, each by a tunnel that leads
 * to it; everybody else's are dropped, and all of them where nothing is said of transit.
 *
 * No policy is asked, since both ends ask theirs, and no state is kept: the way back may be by another hub, and a hub has
 * no room for the flows of all sites. So an ICMP error passes for what it is, and the ends know whose flow it tells of.
 */
export function planTransit(input: RulesetInput): {
  readonly chains: readonly NftChain[]
  readonly sets: readonly NftSet[]
} {
  const {config, tunnels} = input
  const chain = (name: string, rules: string[]): NftChain => ({name, hook: null, rules})
  const devices = new Map<string, SiteName>(
    tunnels
      .toSorted(byDevice)
      .flatMap(({device, site}) => (transitThrough(config, site).length > 0 ? [[device, site]] : [])),
  )
  if (devices.size < 2) return {chains: [chain(BETWEEN, [...loopedRules(tunnels), drop('leaked')])], sets: []}

  const chains: NftChain[] = [
    chain(BETWEEN, [...loopedRules(tunnels), 'iifname vmap @transit_from', drop('leaked')]),
    chain('transit_source', ['oifname vmap @transit_to', drop('leaked')]),
  ]
  for (const [device, site] of devices) {
    const reached = transitThrough(config, site)
    const [closed, open] = [true, false].map((isClosed) =>
      reached.filter(({name}) => isClosedTo(input, name) === isClosed).flatMap(({owns}) => owns),
    )
    const errors = errorSources(
      input,
      tunnels.filter((tunnel) => tunnel.device === device),
      reached,
    )
    const clamp = `${SYN} jump ${deviceChain('clamp', device)}`
    chains.push(
      chain(deviceChain('transit_from', device), [
        clamp,
        ...byFamily(closed!, (set, ip) => `${ip} saddr ${set} ${drop('site_closed')}`),
        // By the tunnel that it came from, or another to the same site, it would only come back.
        ...byFamily([...closed!, ...open!], (set, ip) => `${ip} daddr ${set} ${drop('leaked')}`),
        ...byFamily(open!, (set, ip) => `${ip} saddr ${set} goto transit_source`),
        ...byFamily(errors, (set, ip) => `${ip} saddr ${set} ${icmpErrors(ip)} goto transit_source`),
        dropOf('spoofed', device),
      ]),
      chain(deviceChain('transit_to', device), [
        clamp,
        ...byFamily(closed!, (set, ip) => `${ip} daddr ${set} ${drop('site_closed')}`),
        ...byFamily(open!, (set, ip) => `${ip} daddr ${set} accept`),
        dropOf('leaked', device),
      ]),
    )
  }
  const nets = config.transit.flatMap((name) => config.sites.get(name)?.owns ?? [])
  chains.push({
    name: 'transit',
    hook: {type: 'filter', hook: 'prerouting', priority: BEFORE_CONNTRACK, policy: 'accept'},
    rules: byFamily(nets, (set, ip) => `iifname @transit_from_devices ${ip} daddr ${set} notrack`),
  })
  const names = [...devices.keys()]
  const ways = (way: 'transit_from' | 'transit_to'): NftSet =>
    setOf(
      way,
      'verdict',
      names.map((device) => [device, `goto ${deviceChain(way, device)}`]),
    )
  const from = setOf(
    'transit_from_devices',
    null,
    names.map((device) => [device, '']),
  )
  return {chains, sets: [ways('transit_from'), ways('transit_to'), from]}
}

/** Of the sites that a tunnel to a site is for, those that this gateway is a hub for. */
const transitThrough = (config: GatewayConfig, site: SiteName) =>
  sitesThrough(config, site).filter(({name}) => config.transit.includes(name))

const byDevice = (a: Tunnel, b: Tunnel): number => (a.device < b.device ? -1 : 1)

const setOf = (name: string, value: string | null, elements: readonly (readonly [string, string])[]): NftSet => ({
  ...{name, key: 'ifname', value, interval: false},
  elements: new Map(elements),
})
