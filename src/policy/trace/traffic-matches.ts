import {PORT_PROTOCOL_NUMBERS} from '../../model/index.ts'
import type {AddressClass, PortQuestion, PortTest, Traffic} from '../classes/index.ts'

/** A packet between two classes; source port `any`: there is one, and it is not known which. */
export interface Asked {
  readonly protocol: number
  readonly sourcePort?: number | 'any'
  readonly destinationPort?: number
  readonly icmpType?: number
  readonly icmpCode?: number
}

const PORT_PROTOCOLS: readonly number[] = Object.values(PORT_PROTOCOL_NUMBERS)

/**
 * Whether a rule's traffic is that of a packet between two classes; `depends`: by its source port, which is `any`.
 *
 * A question may lack its answer (a flow without source port, ICMP without type): then the positive condition fails and
 * the negated one holds. Ranges that stand for both at once, as the compiler's do, could not tell that.
 */
export function trafficMatches(
  traffic: Traffic,
  packet: Asked,
  from: AddressClass,
  to: AddressClass,
): boolean | 'depends' {
  const {protocol, notProtocol, icmp, notIcmp, source, destination} = traffic
  if (protocol !== null && packet.protocol !== protocol) return false
  if (notProtocol !== null && packet.protocol === notProtocol) return false
  if (icmp !== null && !icmpMatches(icmp, packet, from, true)) return false
  if (notIcmp !== null && !icmpMatches(notIcmp, packet, from, false)) return false
  if (!portsMatch(destination, protocol, packet, packet.destinationPort, to)) return false
  return packet.sourcePort === 'any'
    ? anyPortMatches(source, protocol, packet, from)
    : portsMatch(source, protocol, packet, packet.sourcePort, from)
}

function icmpMatches(
  match: NonNullable<Traffic['icmp']>,
  packet: Asked,
  {family}: AddressClass,
  wanted: boolean,
): boolean {
  if (packet.protocol !== (family === 4 ? 1 : 58)) return false
  const same = packet.icmpType === match.type && (match.code === null || packet.icmpCode === match.code)
  return same === wanted
}

function portsMatch(
  {ports, notPorts}: PortTest,
  protocol: number | null,
  packet: Asked,
  port: number | undefined,
  end: AddressClass,
): boolean {
  if (ports === null && notPorts === null) return true
  const asks = port !== undefined && PORT_PROTOCOLS.includes(packet.protocol)
  if (ports !== null && !(asks && isIn(ports, protocol, packet.protocol, port, end))) return false
  return !(notPorts !== null && asks && isIn(notPorts, protocol, packet.protocol, port, end))
}

/** Names that mean no port here make a question that has one answer for all ports. */
function anyPortMatches(
  {ports, notPorts}: PortTest,
  protocol: number | null,
  packet: Asked,
  end: AddressClass,
): boolean | 'depends' {
  const asks = PORT_PROTOCOLS.includes(packet.protocol)
  const mayBeIn = (question: PortQuestion): boolean =>
    asks && (question.ranges.length > 0 || portsOfNames(question, protocol, packet.protocol, end).length > 0)
  if (ports !== null && !mayBeIn(ports)) return false
  return ports !== null || (notPorts !== null && mayBeIn(notPorts)) ? 'depends' : true
}

function isIn(
  question: PortQuestion,
  ruleProtocol: number | null,
  protocol: number,
  port: number,
  end: AddressClass,
): boolean {
  for (const {first, last} of question.ranges) if (first <= port && port <= last) return true
  return question.names.length > 0 && portsOfNames(question, ruleProtocol, protocol, end).includes(port)
}

/** A name in a rule without protocol is a TCP port. */
function portsOfNames(
  {names}: PortQuestion,
  ruleProtocol: number | null,
  protocol: number,
  end: AddressClass,
): readonly number[] {
  if (ruleProtocol === null && protocol !== PORT_PROTOCOL_NUMBERS.tcp) return []
  const named = names.flatMap((id) => end.ports.get(id) ?? [])
  return named.filter((one) => one.protocol === protocol).map(({port}) => port)
}
