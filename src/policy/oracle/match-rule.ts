import {type IcmpMatch, PORT_PROTOCOL_NUMBERS, type PortSpec, type Rule} from '../../model/index.ts'
import {familyOf, type Prefix, prefixContainsAddress, prefixFamily} from '../../net/index.ts'
import {evaluateSelector, labelReader, printSelector, type Selector} from '../../selectors/index.ts'
import {peerOf} from './folded.ts'
import type {AddressView, Packet} from './packet.ts'

const PORT_PROTOCOLS: readonly number[] = Object.values(PORT_PROTOCOL_NUMBERS)

/**
 * What a gateway cannot mean in a rule: HTTP, references to services, and port numbers without a protocol that has
 * ports. Such an allow never matches; a deny or a pass denies all that it could have meant.
 */
export function cannotBeMeant(rule: Rule): boolean {
  return rule.http || rule.source.services || rule.destination.services || portsWithoutProtocol(rule)
}

function portsWithoutProtocol(rule: Rule): boolean {
  if (rule.protocol !== null && PORT_PROTOCOLS.includes(rule.protocol)) return false
  const specs = [rule.source.ports, rule.source.notPorts, rule.destination.ports, rule.destination.notPorts]
  return specs.some((spec) => spec !== null && spec.ranges.length > 0)
}

/**
 * The first criterion of a rule that does not hold, in words; null: all do. Those that cannot be meant are taken to hold.
 */
export function mismatch(rule: Rule, packet: Packet, source: AddressView, destination: AddressView): string | null {
  if (rule.ipVersion !== null && rule.ipVersion !== familyOf(packet.from)) return `it is for IPv${rule.ipVersion}`
  if (rule.protocol !== null && packet.protocol !== rule.protocol) return `it is for protocol ${rule.protocol}`
  if (rule.notProtocol !== null && packet.protocol === rule.notProtocol)
    return `it is not for protocol ${rule.notProtocol}`
  if (rule.icmp && !icmpMatches(rule.icmp, packet, true)) return 'icmp: another type or code'
  if (rule.notIcmp && !icmpMatches(rule.notIcmp, packet, false)) return 'notICMP: not of these'
  return (
    sideMismatch(rule, 'source', packet, source, packet.sourcePort) ??
    sideMismatch(rule, 'destination', packet, destination, packet.destinationPort)
  )
}

/** A condition on type or code is one on ICMP of the packet's own family, also where it is negated (nft's `icmp`). */
function icmpMatches(match: IcmpMatch, packet: Packet, wanted: boolean): boolean {
  if (match.type === null) return true
  if (packet.protocol !== (familyOf(packet.from) === 4 ? 1 : 58)) return false
  const same = packet.icmpType === match.type && (match.code === null || packet.icmpCode === match.code)
  return same === wanted
}

function sideMismatch(
  rule: Rule,
  name: 'source' | 'destination',
  packet: Packet,
  view: AddressView,
  port?: number,
): string | null {
  const side = rule[name]
  const family = familyOf(view.address)
  const ofFamily = (nets: readonly Prefix[]): Prefix[] => nets.filter((net) => prefixFamily(net) === family)
  const holds = (net: Prefix): boolean => prefixContainsAddress(net, view.address)
  // Nets of the other family only: Felix skips the whole rule, also for notNets.
  if (side.nets.length > 0 && !ofFamily(side.nets).some(holds)) return `${name}.nets do not hold ${view.address}`
  if (side.notNets.length > 0) {
    if (ofFamily(side.notNets).length === 0) return `${name}.notNets are all of the other family`
    if (ofFamily(side.notNets).some(holds)) return `${name}.notNets hold ${view.address}`
  }
  const folded = peerOf(side)
  if (!folded.ok) throw new Error('a policy with an invalid selector must not get here')
  const {positive, negative} = folded
  const meant = (selector: Selector) => view.peers.some(({set}) => evaluateSelector(selector, labelReader(set)))
  if (positive && !meant(positive)) return `${name} selector ${printSelector(positive)} does not mean ${view.address}`
  if (negative && meant(negative)) return `${name}.notSelector ${printSelector(negative)} means ${view.address}`

  if (portsWithoutProtocol(rule)) return null
  if (side.ports && !isEmpty(side.ports) && !portMatches(side.ports, rule, positive, packet, view, port)) {
    return port === undefined ? `${name}.ports, and the flow has none` : `${name}.ports do not hold ${port}`
  }
  const excluded = side.notPorts !== null && portMatches(side.notPorts, rule, positive, packet, view, port)
  return excluded ? `${name}.notPorts hold ${port}` : null
}

const isEmpty = (spec: PortSpec): boolean => spec.ranges.length === 0 && spec.names.length === 0

/** A name means the ports of that name of the endpoint itself, if the side's positive selector means this endpoint. */
function portMatches(
  spec: PortSpec,
  rule: Rule,
  positive: Selector | null,
  packet: Packet,
  view: AddressView,
  port?: number,
): boolean {
  if (port === undefined || !PORT_PROTOCOLS.includes(packet.protocol)) return false
  if (spec.ranges.some(({first, last}) => first <= port && port <= last)) return true
  const endpoint = view.subject
  if (!endpoint || endpoint.set.kind === 'prefix') return false
  if (positive && !evaluateSelector(positive, labelReader(endpoint.set))) return false
  // Without a protocol in the rule a name is a TCP port.
  if (rule.protocol === null && packet.protocol !== PORT_PROTOCOL_NUMBERS.tcp) return false
  return endpoint.set.ports.some(
    (named) =>
      spec.names.includes(named.name) &&
      PORT_PROTOCOL_NUMBERS[named.protocol] === packet.protocol &&
      named.port === port,
  )
}
