import {createHash} from 'node:crypto'
import {type Finding, type GatewayConfig, LAN_LOST_TABLE} from '../model/index.ts'
import {
  type Address,
  addressFromNumber,
  comparePrefixes,
  familyOf,
  hostPrefix,
  type Prefix,
  prefixFamily,
} from '../net/index.ts'
import {planAggregates} from './aggregates.ts'
import type {BirdConfig, StaticProtocol} from './bird-config.ts'
import {
  FALLBACK_PREFERENCE,
  fallbackProtocol,
  nearTable,
  type RoutingInput,
  staticProtocol,
  uplinksProtocol,
} from './input.ts'
import {abovePatterns, planLastWays} from './last-ways.ts'
import {hasTowards, planNear} from './near.ts'
import {planNodeSessions} from './node-sessions.ts'
import {planTranslatedWays} from './translated-ways.ts'
import {planTunnelSessions} from './tunnel-sessions.ts'
import {planTwinSession} from './twin-session.ts'
import {planUplinkTables} from './uplink-tables.ts'
import {planWanSessions} from './wan-sessions.ts'
import {planWanWays} from './wan-ways.ts'

/**
 * Plans what BIRD must do on this gateway. Pure: equal input, equal bytes.
 *
 * Own prefixes are announced as they are known inside: blocks from nodes, static prefixes, connected networks; whole only to
 * routers of the WAN that are told so, so that what is announced is always reachable.
 */
export function planRouting(input: RoutingInput): {bird: BirdConfig; findings: Finding[]} {
  const tunnels = planTunnelSessions(input)
  const aggregates = planAggregates(input)
  const translated = planTranslatedWays(input)
  const lastWays = planLastWays(input)
  const wan = planWanSessions(input)
  const nodes = planNodeSessions(input, lastWays)
  const ways = planWanWays(input)
  const near = planNear(input.config, nodes.sessions)
  return {
    bird: {
      owner: `${input.config.site}/${input.config.gateway}`,
      routerId: routerId(input.config),
      statics: [
        ...planStatics(input.config),
        ...aggregates.statics,
        ...translated,
        ...ways.statics,
        ...lastWays,
        ...nodes.statics,
        ...tunnels.statics,
      ],
      kernelExcludes: [...([4, 6] as const).map(uplinksProtocol), ...ways.kernelExcludes],
      kernelUnreachable: aggregates.kernelUnreachable,
      kernelUnresolved: abovePatterns(lastWays),
      tables: [...aggregates.tables, ...near.tables, ...ways.tables, ...nodes.tables, ...tunnels.tables],
      pipes: [...aggregates.pipes, ...near.pipes, ...ways.pipes],
      lostNetworks: input.config.lan ? LAN_LOST_TABLE : null,
      bfdDevices: tunnels.bfdDevices,
      bfdNeighbors: tunnels.bfdNeighbors,
      uplinkTables: planUplinkTables(input.config),
      sessions: [...tunnels.sessions, ...wan.sessions, ...nodes.sessions, ...planTwinSession(input)],
    },
    findings: [...tunnels.findings, ...wan.findings, ...ways.findings, ...nodes.findings],
  }
}

/**
 * The first uplink's IPv4 address. With IPv6 uplinks only, 32 bits of a hash of the gateway's name in 240.0.0.0/4,
 * which no router can have as its address.
 */
function routerId(config: GatewayConfig): Address {
  const address = config.uplinks.map((uplink) => uplink.address).find((candidate) => familyOf(candidate) === 4)
  if (address) return address
  const hash = createHash('sha256').update(`${config.site}/${config.gateway}`).digest().readUInt32BE(0)
  return addressFromNumber(BigInt(((hash & 0x0fffffff) | 0xf0000000) >>> 0), 4)
}

function planStatics(config: GatewayConfig): StaticProtocol[] {
  return ([4, 6] as const).flatMap((family): StaticProtocol[] => {
    const ofFamily = (prefixes: readonly Prefix[]): Prefix[] =>
      prefixes.filter((prefix) => prefixFamily(prefix) === family).sort(comparePrefixes)
    const remote = [...config.sites.values()].flatMap((site) => site.owns)
    const statics = config.static
      .filter(({prefix}) => prefixFamily(prefix) === family)
      .toSorted((a, b) => comparePrefixes(a.prefix, b.prefix))
    const all: StaticProtocol[] = [
      {
        name: fallbackProtocol(family),
        family,
        comment: 'Nothing falls through: what no session announces is unreachable, and never the default route.',
        preference: FALLBACK_PREFERENCE,
        routes: ofFamily([...new Set([...config.interconnect, ...config.owns, ...remote])]).map((prefix) => ({
          prefix,
          to: 'unreachable',
        })),
      },
      {
        name: staticProtocol(family),
        family,
        comment: 'Prefixes without Calico behind them, while their next hop is on a network that is up.',
        preference: null,
        ...(family === 4 && hasTowards(config) ? {tables: {routes: 'master4', witnesses: nearTable(family)}} : {}),
        routes: statics.map(({prefix, via}) => ({
          prefix,
          to: config.lan && family === 4 ? {towards: via} : {via: [via], source: null},
        })),
      },
      {
        name: uplinksProtocol(family),
        family,
        comment: 'The uplinks, to be announced to routers of the WAN; the kernel has these addresses itself.',
        preference: null,
        routes: ofFamily(config.uplinks.map(({address}) => hostPrefix(address))).map((prefix) => ({
          prefix,
          to: 'blackhole',
        })),
      },
    ]
    return all.filter(({routes}) => routes.length > 0)
  })
}
