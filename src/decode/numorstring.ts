import type {PortProtocol, PortSpec} from '../model/index.ts'
import {type PortRange, parsePortRange} from '../net/index.ts'
import {type Fields, show} from './fields.ts'

/** IANA numbers of the names that Calico knows (api/pkg/lib/numorstring/protocol.go). */
const PROTOCOLS: Readonly<Record<string, number>> = {icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132, udplite: 136}

/** Port names, api/pkg/lib/numorstring/port.go. */
const PORT_NAME = /^[a-zA-Z0-9_.-]{1,128}$/

/** A protocol by name in any letter case, or by number 1 to 255 (also as text); `null`: none of these. */
export function parseProtocol(value: unknown): number | null {
  if (typeof value === 'string') {
    const key = value.toLowerCase()
    if (Object.hasOwn(PROTOCOLS, key)) return PROTOCOLS[key]!
    return /^\d{1,3}$/.test(value) ? parseProtocol(Number(value)) : null
  }
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 255 ? value : null
}

export function protocolOf(fields: Fields, name: string): number | null {
  const value = fields.raw(name)
  if (value === undefined || value === '') return null
  const protocol = parseProtocol(value)
  if (protocol === null) fields.fail(name, `${show(value)} is no protocol name or number`)
  return protocol
}

const PORT_PROTOCOLS: Readonly<Record<number, PortProtocol>> = {6: 'tcp', 17: 'udp', 132: 'sctp'}

/** A protocol that carries ports; TCP is not assumed, Calico requires the field. */
export function portProtocolOf(fields: Fields, name: string): PortProtocol | null {
  const protocol = parseProtocol(fields.raw(name))
  const found = protocol === null ? undefined : PORT_PROTOCOLS[protocol]
  if (found === undefined) fields.fail(name, `${show(fields.raw(name))} is none of TCP, UDP, SCTP`)
  return found ?? null
}

/**
 * Ports: numbers, `first:last`, and names; text of digits is a number. `null`: no condition (missing or empty list).
 */
export function portsOf(fields: Fields, name: string): PortSpec | null {
  const ranges: PortRange[] = []
  const names: string[] = []
  for (const [i, item] of fields.list(name).entries()) {
    const text = typeof item === 'number' ? String(item) : item
    const range = typeof text === 'string' ? parsePortRange(text) : null
    if (range) ranges.push(range)
    else if (typeof item === 'string' && PORT_NAME.test(item) && !/^\d+$/.test(item)) names.push(item)
    else fields.fail(`${name}[${i}]`, `${show(item)} is no port, range or port name`)
  }
  return ranges.length + names.length > 0 ? {ranges, names} : null
}

/** An AS number: a number, its text, or the dotted form `1.10`; `null` when the field is missing. */
export function asNumberOf(fields: Fields, name: string): number | null {
  const value = fields.raw(name)
  if (value === undefined || value === '') return null
  const dotted = typeof value === 'string' ? /^(\d{1,5})\.(\d{1,5})$/.exec(value) : null
  if (dotted && Number(dotted[1]) <= 65535 && Number(dotted[2]) <= 65535) {
    return Number(dotted[1]) * 65536 + Number(dotted[2])
  }
  const as = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value
  if (typeof as === 'number' && Number.isInteger(as) && as >= 0 && as <= 4294967295) return as
  fields.fail(name, `${show(value)} is no AS number`)
  return null
}
