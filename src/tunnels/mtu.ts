import type {Encapsulation} from '../model/index.ts'
import {type Address, familyOf} from '../net/index.ts'

/** What a path carries until it has been probed: Ethernet's 1,500 bytes, or what the uplink's device has, where that is less. */
export const underlayMtuDefault = 1500

const IPV6_MORE = 20

/**
 * The inner MTU over a path of `underlayMtu` bytes.
 *
 * Outer IPv4 costs 20 bytes, UDP 8, VXLAN 8 with an inner Ethernet header of 14 (RFC 7348), WireGuard's data message
 * 32. Outer IPv6 costs 20 more. Rounded down to even, as no link layer has an odd one.
 */
export function innerMtu(encapsulation: Encapsulation, outer: Address, underlayMtu: number): number {
  const overhead = {none: 0, ipip: 20, fou: 28, vxlan: 50, wireguard: 60}[encapsulation]
  const mtu = underlayMtu - overhead - (familyOf(outer) === 6 && encapsulation !== 'none' ? IPV6_MORE : 0)
  return mtu - (mtu % 2)
}
