import {PORT_PROTOCOL_NUMBERS} from '../../model/index.ts'
import {type Family, joinRanges, type PortRange, withoutRanges} from '../../net/index.ts'
import type {AddressClass, PortQuestion, PortTest, Traffic} from '../classes/index.ts'

/**
 * What one nft rule asks of a packet, all of it together. For ICMP the destination "port" is type × 256 + code: so
 * conntrack keeps it in the original tuple, where the reply of a flow is judged by it too.
 */
export interface PacketMatch {
  readonly protocol: number | null
  readonly notProtocols: readonly number[]
  readonly sourcePorts: PortRange | null
  readonly destinationPorts: PortRange | null
}

/** By port name id: what the names mean at one end of a flow. */
export type NameResolution = AddressClass['ports']

const PORT_PROTOCOLS: readonly number[] = Object.values(PORT_PROTOCOL_NUMBERS)
const ALL: PortRange = {first: 0, last: 65535}

/** A rule's traffic between two classes as the matches that cover exactly it; none: it never matches. */
export function matchesOf(
  traffic: Traffic,
  family: Family,
  sourceNames: NameResolution,
  destinationNames: NameResolution,
): PacketMatch[] {
  const {protocol, notProtocol, icmp, notIcmp, source, destination} = traffic
  const asked = (number: number): boolean => (protocol ?? number) === number && notProtocol !== number
  const needsPorts = source.ports !== null || destination.ports !== null
  if (icmp || notIcmp) {
    const number = family === 4 ? 1 : 58
    if (needsPorts || !asked(number)) return []
    const types = withoutRanges(icmp ? [typeRange(icmp)] : [ALL], notIcmp ? [typeRange(notIcmp)] : [])
    return types.map((range) => ({...ofProtocol(number), destinationPorts: narrowed(range)}))
  }
  if (protocol !== null && !asked(protocol)) return []
  if (!needsPorts && !source.notPorts && !destination.notPorts) {
    return [{...ofProtocol(protocol), notProtocols: protocol === null && notProtocol !== null ? [notProtocol] : []}]
  }
  const matches: PacketMatch[] = []
  for (const number of PORT_PROTOCOLS.filter(asked)) {
    // A name in a rule without protocol is a TCP port.
    const named = protocol !== null || number === PORT_PROTOCOL_NUMBERS.tcp
    const from = rangesOf(source, number, named ? sourceNames : new Map())
    const to = rangesOf(destination, number, named ? destinationNames : new Map())
    for (const sourcePorts of from) {
      for (const destinationPorts of to) {
        matches.push({
          ...ofProtocol(number),
          sourcePorts: narrowed(sourcePorts),
          destinationPorts: narrowed(destinationPorts),
        })
      }
    }
  }
  if (needsPorts) return matches
  // What has no ports is in no list of ports that are excluded.
  if (protocol === null) {
    const notProtocols = [...new Set([...PORT_PROTOCOLS, ...(notProtocol === null ? [] : [notProtocol])])]
    matches.push({...ofProtocol(null), notProtocols: notProtocols.sort((a, b) => a - b)})
  } else if (!PORT_PROTOCOLS.includes(protocol)) matches.push(ofProtocol(protocol))
  return matches
}

export const isUnconditional = ({protocol, notProtocols, sourcePorts, destinationPorts}: PacketMatch): boolean =>
  protocol === null && notProtocols.length === 0 && !sourcePorts && !destinationPorts

/** The match in nft's language, by the flow's original tuple; '' when it asks nothing. */
export function printMatch({protocol, notProtocols, sourcePorts, destinationPorts}: PacketMatch): string {
  const range = ({first, last}: PortRange): string => (first === last ? `${first}` : `${first}-${last}`)
  return [
    ...(protocol === null ? [] : [`meta l4proto ${protocol}`]),
    ...notProtocols.map((number) => `meta l4proto != ${number}`),
    ...(sourcePorts ? [`ct original proto-src ${range(sourcePorts)}`] : []),
    ...(destinationPorts ? [`ct original proto-dst ${range(destinationPorts)}`] : []),
  ].join(' ')
}

const ofProtocol = (protocol: number | null): PacketMatch => ({
  protocol,
  notProtocols: [],
  sourcePorts: null,
  destinationPorts: null,
})

const narrowed = (range: PortRange): PortRange | null => (range.first === 0 && range.last === 65535 ? null : range)

const typeRange = ({type, code}: {type: number; code: number | null}): PortRange =>
  code === null ? {first: type * 256, last: type * 256 + 255} : {first: type * 256 + code, last: type * 256 + code}

function rangesOf(test: PortTest, protocol: number, names: NameResolution): PortRange[] {
  const ranges = (question: PortQuestion): PortRange[] => [
    ...question.ranges,
    ...question.names
      .flatMap((id) => names.get(id) ?? [])
      .filter((named) => named.protocol === protocol)
      .map(({port}) => ({first: port, last: port})),
  ]
  return withoutRanges(test.ports ? joinRanges(ranges(test.ports)) : [ALL], test.notPorts ? ranges(test.notPorts) : [])
}
