import type {Family} from '../net/index.ts'
import type {Encapsulation} from './site.ts'

const OVER_IPV4: Readonly<Record<Encapsulation, number>> = {none: 0, ipip: 20, fou: 28, vxlan: 50, wireguard: 60}
const IPV6_MORE = 20

/**
 * What an encapsulation adds to each packet. Outer IPv4 costs 20 bytes, UDP 8, VXLAN 8 with an inner Ethernet header of 14 (RFC 7348),
 * WireGuard's data message 32. Outer IPv6 costs 20 more.
 */
export const overheadOf = (encapsulation: Encapsulation, outer: Family): number =>
  OVER_IPV4[encapsulation] + (outer === 6 && encapsulation !== 'none' ? IPV6_MORE : 0)
