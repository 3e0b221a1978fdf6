import type {Address} from '../../net/index.ts'
import type {Packet} from '../oracle/index.ts'
import type {Flow} from '../trace/index.ts'
import {protocolName, type SamplePacket} from './traffic-space.ts'

/** A packet as `isthmus policy trace --flows` reads it. */
export function flowOf(from: Address, to: Address, packet: SamplePacket): Flow {
  const {protocol, sourcePort, destinationPort, icmpType, icmpCode} = packet
  return {
    from,
    to,
    protocol: protocolName(protocol),
    ...(destinationPort === undefined ? {} : {port: destinationPort}),
    ...(sourcePort === undefined ? {} : {sourcePort}),
    ...(icmpType === undefined ? {} : {type: icmpType}),
    ...(icmpCode === undefined ? {} : {code: icmpCode}),
  }
}

export const packetOf = (from: Address, to: Address, packet: SamplePacket): Packet => ({from, to, ...packet})

/** `10.1.0.5 → 10.2.0.7 tcp 5432 from port 40000`. */
export function printFlow({from, to, protocol, port, sourcePort, type, code}: Flow): string {
  return [
    `${from} → ${to} ${protocol}`,
    ...(port === undefined ? [] : [String(port)]),
    ...(type === undefined ? [] : [`type ${type}`]),
    ...(code === undefined ? [] : [`code ${code}`]),
    ...(sourcePort === undefined ? [] : [`from port ${sourcePort}`]),
  ].join(' ')
}
