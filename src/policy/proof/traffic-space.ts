import {PORT_PROTOCOL_NUMBERS} from '../../model/index.ts'
import type {Family, PortRange} from '../../net/index.ts'
import {
  FULL_SPACE,
  intersect,
  isAll,
  isEmptySpace,
  isFullSpace,
  NO_SPACE,
  type PortSpace,
  rangeText,
  spaceText,
  subtract,
  unite,
} from './port-space.ts'

/** A set of packets between two addresses, exactly: a space for each protocol that is named, and one word for the rest. */
export interface TrafficSpace {
  readonly named: ReadonlyMap<number, PortSpace>
  /** Whether all other protocols are in it, whole. */
  readonly others: boolean
}

export const NO_TRAFFIC: TrafficSpace = {named: new Map(), others: false}
export const ALL_TRAFFIC: TrafficSpace = {named: new Map(), others: true}

export const spaceOf = ({named, others}: TrafficSpace, protocol: number): PortSpace =>
  named.get(protocol) ?? (others ? FULL_SPACE : NO_SPACE)

export const uniteTraffic = (a: TrafficSpace, b: TrafficSpace): TrafficSpace =>
  combined(a, b, unite, a.others || b.others)
export const intersectTraffic = (a: TrafficSpace, b: TrafficSpace): TrafficSpace =>
  combined(a, b, intersect, a.others && b.others)
export const subtractTraffic = (a: TrafficSpace, b: TrafficSpace): TrafficSpace =>
  combined(a, b, subtract, a.others && !b.others)

/** Protocols are named in ascending order, and only where they differ from the rest: equal sets have equal text. */
function combined(
  a: TrafficSpace,
  b: TrafficSpace,
  operation: (a: PortSpace, b: PortSpace) => PortSpace,
  others: boolean,
): TrafficSpace {
  const protocols = [...new Set([...a.named.keys(), ...b.named.keys()])].sort((x, y) => x - y)
  const named = new Map<number, PortSpace>()
  for (const protocol of protocols) {
    const space = operation(spaceOf(a, protocol), spaceOf(b, protocol))
    if (others ? !isFullSpace(space) : !isEmptySpace(space)) named.set(protocol, space)
  }
  return {named, others}
}

/**
 * Without a word of its own on ICMP of the other family, which conntrack takes for invalid: no policy sees it, so it goes
 * with the protocols that nobody names.
 */
export function seenTraffic({named, others}: TrafficSpace, family: Family): TrafficSpace {
  const seen = new Map(named)
  seen.delete(family === 4 ? 58 : 1)
  return {named: seen, others}
}

export const isNoTraffic = ({named, others}: TrafficSpace): boolean => !others && named.size === 0

export const trafficText = ({named, others}: TrafficSpace): string =>
  [...[...named].map(([protocol, space]) => `${protocol}=${spaceText(space)}`), others ? '*' : ''].join(';')

/** One line of traffic for people and programs; what is absent is any. */
export interface TrafficRow {
  /** A name, a number as text, or `any`. */
  readonly protocol: string
  /** With `any`: but for these, which have rows of their own where some of them are in it. */
  readonly except?: readonly string[]
  readonly ports?: readonly string[]
  readonly sourcePorts?: string
  /** ICMP: `8`, or `8/0` with its code, or a range of these. */
  readonly types?: readonly string[]
}

const NAMES: Readonly<Record<number, string>> = {
  1: 'icmp',
  58: 'icmpv6',
  ...Object.fromEntries(Object.entries(PORT_PROTOCOL_NUMBERS).map(([name, number]) => [number, name])),
}
export const protocolName = (protocol: number): string => NAMES[protocol] ?? String(protocol)

export function trafficRows({named, others}: TrafficSpace): TrafficRow[] {
  const rows = [...named].flatMap(([number, space]): TrafficRow[] => {
    const protocol = protocolName(number)
    return space.map(({source, destinations}): TrafficRow => {
      const whole = destinations.length === 1 && isAll(destinations[0]!)
      const from = isAll(source) ? {} : {sourcePorts: rangeText(source)}
      if (whole) return {protocol, ...from}
      const icmp = number === 1 || number === 58
      return icmp
        ? {protocol, types: destinations.flatMap(icmpTypes)}
        : {protocol, ports: destinations.map(rangeText), ...from}
    })
  })
  if (!others) return rows
  const except = named.size > 0 ? {except: [...named.keys()].map(protocolName)} : {}
  return [...rows, {protocol: 'any', ...except}]
}

/** A range of type × 256 + code: whole types where it can, and what is cut off at its ends. */
function icmpTypes({first, last}: PortRange): string[] {
  const exact = (from: number, to: number): string =>
    from === to ? `${from >> 8}/${from & 255}` : `${from >> 8}/${from & 255}-${to & 255}`
  const [from, to] = [Math.ceil(first / 256), Math.floor((last + 1) / 256) - 1]
  if (from > to) {
    const same = first >> 8 === last >> 8
    return same ? [exact(first, last)] : [exact(first, (first >> 8) * 256 + 255), exact((last >> 8) * 256, last)]
  }
  return [
    ...(first < from * 256 ? [exact(first, from * 256 - 1)] : []),
    from === to ? `${from}` : `${from}-${to}`,
    ...(last > to * 256 + 255 ? [exact((to + 1) * 256, last)] : []),
  ]
}

/** `tcp 80,443`, `icmp type 8`, `any protocol but tcp`. */
export function printTraffic(rows: readonly TrafficRow[]): string {
  return rows
    .map(({protocol, except, ports, sourcePorts, types}) =>
      [
        protocol === 'any' ? 'any protocol' : /^\d/.test(protocol) ? `protocol ${protocol}` : protocol,
        ...(except ? [`but ${except.join(', ')}`] : []),
        ...(ports ? [ports.join()] : []),
        ...(types ? [`type ${types.join()}`] : []),
        ...(sourcePorts === undefined ? [] : [`from port ${sourcePorts}`]),
      ].join(' '),
    )
    .join('; ')
}

/** Some packet that is in a space: the lowest of everything, TCP before others. */
export interface SamplePacket {
  readonly protocol: number
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly icmpType?: number
  readonly icmpCode?: number
}

/** A packet of the set that can be sent; ports from 1 where there is one. null: the set is empty. */
export function samplePacket(traffic: TrafficSpace, family: Family): SamplePacket | null {
  const ported = Object.values(PORT_PROTOCOL_NUMBERS)
  const own = family === 4 ? 1 : 58
  const spoken = [...ported, own, ...traffic.named.keys(), ...Array(256).keys()].filter(
    (protocol) => protocol !== (family === 4 ? 58 : 1),
  )
  for (const protocol of spoken) {
    const [slice] = spaceOf(traffic, protocol)
    if (!slice) continue
    const [destination] = slice.destinations
    const atLeastOne = ({first, last}: PortRange): number => (first === 0 && last > 0 ? 1 : first)
    if (ported.includes(protocol)) {
      const sourcePort = isAll(slice.source) ? 40_000 : atLeastOne(slice.source)
      return {protocol, sourcePort, destinationPort: atLeastOne(destination!)}
    }
    if (protocol !== own) return {protocol}
    return {protocol, icmpType: destination!.first >> 8, icmpCode: destination!.first & 255}
  }
  return null
}
