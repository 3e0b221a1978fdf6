import type {JudgedElement} from '../../../src/model/index.ts'
import {type Address, addressNumber, familyOf} from '../../../src/net/index.ts'
import type {Compiled} from '../../../src/policy/compile/index.ts'
import type {Packet} from '../../../src/policy/oracle/index.ts'

/** The class number of an address by the kernel's maps. */
export function numberOf({state}: Compiled, address: Address): number {
  const {hosts, regions} = state.numbering
  const number = addressNumber(address)
  const region = regions.find(
    ({family, first, last}) => family === familyOf(address) && first <= number && number <= last,
  )
  return hosts.get(address) ?? region?.number ?? 0
}

const WITH_PORT = [6, 17, 132, 136]

/** A packet as the kernel counts it: without addresses, and without its source port. */
export function elementOf(compiled: Compiled, packet: Packet, part: Partial<JudgedElement> = {}): JudgedElement {
  const {protocol, destinationPort, icmpType, icmpCode = 0} = packet
  const port = icmpType === undefined ? (destinationPort ?? 80) : icmpType * 256 + icmpCode
  return {
    source: numberOf(compiled, packet.from),
    destination: numberOf(compiled, packet.to),
    protocol,
    port: icmpType !== undefined || WITH_PORT.includes(protocol) ? port : null,
    ...{fresh: true, packets: 1, bytes: 100},
    ...part,
  }
}
