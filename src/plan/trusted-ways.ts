import {concatSeparator, type GatewayConfig, markText, type NftSet, type SiteName, type Tunnel} from '../model/index.ts'
import {deviceChain, NEAR_NEAR} from './device-chains.ts'

/** The devices that the kernel has, by name, with their index; `lo` is none. */
export type DeviceIndexes = ReadonlyMap<string, number>

export interface TrustedWaysInput {
  readonly config: GatewayConfig
  readonly tunnels: readonly Tunnel[]
  readonly uplinkDevices: readonly string[]
  readonly devices: DeviceIndexes
  /** Packets of such a site are looked at, each: none may pass on what an earlier one was. */
  readonly closed: (site: SiteName) => boolean
}

/** A mark has eight bits for it; 0 is none in particular. */
const HIGHEST_WAY = 255
/** All are written at each new generation, so there is a bound; packets of further devices are looked at one by one. */
const MOST_ELEMENTS = 1024
/** Of the near side, the oldest devices: a gateway that has pods of its own may have any number of others. */
const MOST_NEAR = 16

/**
 * The ways that a judged flow may be on without its packets being looked at again, each with a number that its mark
 * bears. A way is two sides, a side being one site's tunnels, or all devices that are neither tunnel nor uplink: the
 * checks of sources and ways out are the same on all devices of a side, and ask nothing of a packet but the address
 * that its flow and direction have already given. So what one packet of a flow passed on one device of a side, every packet of
 * the flow and direction passes on each of them; on any other device it is looked at.
 *
 * A device is known by its index: a new one has another, and is looked at until the next pass. Between two remote sites
 * there is no way; without transit no packet is on it. An uplink is on no side: what may cross it differs.
 *
 * `known_ways` leads a packet that is looked at on one of these ways to both its ends' checks at once. It has names, not
 * indexes, since it is all that such a packet's devices are judged by.
 */
export function trustedWays(input: TrustedWaysInput): NftSet[] {
  const sides = sidesOf(input)
  const [near, ...remote] = sides
  const trusted = new Map<string, string>()
  const ways = new Map<string, string>()
  const known = new Map<string, string>()
  const add = (
    way: number,
    from: readonly Device[],
    to: readonly Device[],
    chain: (tunnel: string) => string,
  ): void => {
    if (way > HIGHEST_WAY || trusted.size + 2 * from.length * to.length > MOST_ELEMENTS) return
    const mark = markText(way)
    for (const here of from) {
      for (const there of to) {
        const [near, far] = [here.index, there.index]
        for (const devices of [`original . ${near} . ${far}`, `reply . ${far} . ${near}`]) {
          trusted.set(`${mark} . ${devices}`, '')
          ways.set(devices, mark)
        }
        known.set(`${here.name} . ${there.name}`, `goto ${chain(from === sides[0] ? there.name : here.name)}`)
      }
    }
  }
  add(1, near!, near!, () => NEAR_NEAR)
  for (const [index, side] of remote.entries()) {
    add(2 + 2 * index, near!, side, (tunnel) => deviceChain('to', tunnel))
    add(3 + 2 * index, side, near!, (tunnel) => deviceChain('from', tunnel))
  }
  const set = (name: string, key: string, value: string | null, elements: ReadonlyMap<string, string>): NftSet => {
    return {name, key, value, interval: false, elements}
  }
  return [
    set('trusted', 'mark . ct_dir . iface_index . iface_index', null, trusted),
    set('ways', 'ct_dir . iface_index . iface_index', 'mark', ways),
    set('known_ways', 'ifname . ifname', 'verdict', known),
  ]
}

/**
 * Devices between which packets of trusted flows need not be asked for each: those of these ways. What a tunnel's packets
 * are translated to or from, other packets may come with, so such a tunnel is none.
 */
export function fastDevices({config, tunnels, devices}: TrustedWaysInput, ways: readonly NftSet[]): readonly number[] {
  const translated = new Set(
    tunnels.flatMap(({site, device}) => (config.sites.get(site)?.translations.length ? [devices.get(device)] : [])),
  )
  const known = ways.find(({name}) => name === 'ways')?.elements.keys() ?? []
  const indexes = new Set([...known].flatMap((key) => key.split(concatSeparator).slice(1).map(Number)))
  return [...indexes].filter((index) => !translated.has(index)).sort((a, b) => a - b)
}

interface Device {
  readonly name: string
  readonly index: number
}

/** Devices by side: first the near one, then the sites with a tunnel, by name. */
function sidesOf({config, tunnels, uplinkDevices, devices, closed}: TrustedWaysInput): Device[][] {
  const tunnelSites = new Map<string, SiteName>(tunnels.map(({device, site}) => [device, site]))
  const near: Device[] = []
  const remote = new Map<SiteName, Device[]>([...config.sites.keys()].sort().map((site) => [site, []]))
  for (const [name, index] of [...devices].sort(([, a], [, b]) => a - b)) {
    const site = tunnelSites.get(name)
    if (site !== undefined) remote.get(site)?.push({name, index})
    else if (!uplinkDevices.includes(name)) near.push({name, index})
  }
  // A closed site keeps its numbers, so that no other one's flows are taken for its.
  const sides = [...remote].filter(([, side]) => side.length > 0).map(([site, side]) => (closed(site) ? [] : side))
  return [near.slice(0, MOST_NEAR), ...sides]
}
