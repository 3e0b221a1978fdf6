import {networkInterfaces} from 'node:os'
import type {ApiClient} from '../../api/client.ts'
import {type Address, hostPrefix, type Prefix, PrefixTable} from '../../net/index.ts'
import {describeJudgement} from '../describe-judgement.ts'
import {farOuter, type WayTo} from './way.ts'

/** One part of a way, by itself. */
export interface Leg {
  readonly leg: string
  readonly from: string
  readonly to: string
  /** What to look at where nothing is answered. */
  readonly next: string
  readonly question: {readonly target: string; readonly source?: string; readonly device?: string}
}

/** Below, and through, each tunnel of a way. */
export function tunnelLegs(way: WayTo): Leg[] {
  const {here, tunnels} = way
  return tunnels.flatMap((tunnel): Leg[] => {
    const {name, site, gateway, uplink, device, local, peer, encapsulation} = tunnel
    const outer = farOuter(way, tunnel)
    const [from, to] = [`gateway ${here.site}/${here.gateway}`, `gateway ${site}/${gateway}`]
    const through: Leg = {
      ...{leg: `tunnel ${name} (${encapsulation})`, from: `${from} ${local}`, to: `${to} ${peer}`},
      next: `isthmus describe tunnel '${name}'`,
      question: {target: peer, source: local, device},
    }
    const below: Leg = {
      ...{leg: `underlay of ${name}`, from: `${from}, uplink ${uplink}`, to: `${to} ${outer}`},
      next: `the path between ${from} and ${outer}; pings there may be filtered where tunnels are not`,
      question: {target: outer ?? ''},
    }
    return outer === null ? [through] : [below, through]
  })
}

/** Of this machine. */
export const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).filter(({internal}) => !internal).map(({address}) => address),
  )

export interface Source {
  /** null: none of the gateway's own addresses may. */
  readonly address: string | null
  /** What policy says of it, or of each of them. */
  readonly why: string
}

/**
 * From which of this machine's addresses policy lets a ping come to an address: the gateway has no right of its own to speak
 * with pods, so that a ping from it proves what policy allows, and no more. Outside what its site owns there is no use in
 * asking: the far gateway drops it as spoofed, whatever policy says.
 */
export async function allowedSource(api: ApiClient, own: readonly string[], to: string): Promise<Source> {
  const status = await api.status()
  if (!status.ok) return {address: null, why: status.message}
  const site = status.value.sites.find(({local}) => local)
  const owned = new PrefixTable((site?.granted ?? []).map((prefix) => [prefix as Prefix, true] as const))
  const isV6 = to.includes(':')
  const ofFamily = own.filter((address) => address.includes(':') === isV6)
  if (ofFamily.length === 0) return {address: null, why: 'this machine has no address of that family'}
  const refused: string[] = []
  for (const from of ofFamily.filter((address) => owned.covering(hostPrefix(address as Address)))) {
    const traced = await api.trace({from, to, protocol: isV6 ? 'icmpv6' : 'icmp', type: isV6 ? 128 : 8})
    if (!traced.ok) return {address: null, why: traced.message}
    const words = describeJudgement(traced.value)
    if (traced.value.verdict === 'allow') return {address: from, why: words}
    refused.push(`from ${from} ${words}`)
  }
  const none = `none of ${ofFamily.join(', ')} is inside what site ${site?.name ?? '?'} owns`
  return {address: null, why: refused.length === 0 ? none : refused.join('; ')}
}
