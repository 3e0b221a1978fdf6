import {PORT_PROTOCOL_NUMBERS} from '../../model/index.ts'
import {familyOf} from '../../net/index.ts'
import type {AddressClass, PortQuestion, PortTest, Traffic} from '../classes/index.ts'
import type {Packet} from '../oracle/index.ts'

const PORT_PROTOCOLS: readonly number[] = Object.values(PORT_PROTOCOL_NUMBERS)

/**
 * Whether a rule's traffic is that of a packet between two classes.
 *
 * A question may lack its answer (a flow without source port, ICMP without type): then the positive condition fails and
 * the negated one holds. Ranges that stand for both at once, as the compiler's do, could not tell that.
 */
export function trafficMatches(traffic: Traffic, packet: Packet, from: AddressClass, to: AddressClass): boolean {
  const {protocol, notProtocol, icmp, notIcmp, source, destination} = traffic
  if (protocol !== null && packet.protocol !== protocol) return false
  if (notProtocol !== null && packet.protocol === notProtocol) return false
  if (icmp !== null && !icmpMatches(icmp, packet, true)) return false
  if (notIcmp !== null && !icmpMatches(notIcmp, packet, false)) return false
  return (
    portsMatch(source, protocol, packet, packet.sourcePort, from) &&
    portsMatch(destination, protocol, packet, packet.destinationPort, to)
  )
}

function icmpMatches(match: NonNullable<Traffic['icmp']>, packet: Packet, wanted: boolean): boolean {
  if (packet.protocol !== (familyOf(packet.from) === 4 ? 1 : 58)) return false
  const same = packet.icmpType === match.type && (match.code === null || packet.icmpCode === match.code)
  return same === wanted
}

function portsMatch(
  {ports, notPorts}: PortTest,
  protocol: number | null,
  packet: Packet,
  port: number | undefined,
  end: AddressClass,
): boolean {
  if (ports === null && notPorts === null) return true
  const asks = port !== undefined && PORT_PROTOCOLS.includes(packet.protocol)
  if (ports !== null && !(asks && isIn(ports, protocol, packet.protocol, port, end))) return false
  return !(notPorts !== null && asks && isIn(notPorts, protocol, packet.protocol, port, end))
}

/** A name in a rule without protocol is a TCP port. */
function isIn(
  {ranges, names}: PortQuestion,
  ruleProtocol: number | null,
  protocol: number,
  port: number,
  end: AddressClass,
): boolean {
  for (const {first, last} of ranges) if (first <= port && port <= last) return true
  if (names.length === 0 || (ruleProtocol === null && protocol !== PORT_PROTOCOL_NUMBERS.tcp)) return false
  return names.some((id) => end.ports.get(id)?.some((named) => named.protocol === protocol && named.port === port))
}
