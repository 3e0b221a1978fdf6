import {familyOf, parseAddress} from '../../net/index.ts'
import type {Packet} from '../oracle/index.ts'

/** A flow as people and files write it (formats.md): `protocol` by name or number, `type` and `code` for ICMP. */
export interface Flow {
  readonly from: string
  readonly to: string
  readonly protocol: string | number
  readonly port?: string | number
  readonly sourcePort?: string | number
  readonly type?: string | number
  readonly code?: string | number
  /** Comes back with the answer. */
  readonly id?: string | number
}

export type ParsedFlow =
  | {readonly ok: true; readonly packet: Packet}
  | {readonly ok: false; readonly field: keyof Flow; readonly message: string}

const PROTOCOLS: Readonly<Record<string, number>> = {icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132, udplite: 136}
const WITH_PORTS = [6, 17, 132]

/** Reads a flow; the first thing that is wrong is the answer. `icmp` between IPv6 addresses means ICMPv6. */
export function parseFlow(flow: Flow): ParsedFlow {
  const wrong = (field: keyof Flow, message: string): ParsedFlow => ({ok: false, field, message})
  const from = parseAddress(flow.from)
  const to = parseAddress(flow.to)
  if (!from) return wrong('from', `${flow.from} is no address`)
  if (!to) return wrong('to', `${flow.to} is no address`)
  if (familyOf(from) !== familyOf(to)) return wrong('to', `${from} and ${to} are of different families`)
  const protocol = parseProtocol(flow.protocol, familyOf(from) === 6)
  if (protocol === null) return wrong('protocol', `${flow.protocol} is no protocol: a name such as tcp, or 0 to 255`)

  const numbers: Record<'port' | 'sourcePort' | 'type' | 'code', number | undefined> = {
    port: undefined,
    sourcePort: undefined,
    type: undefined,
    code: undefined,
  }
  const ported = WITH_PORTS.includes(protocol)
  const icmp = protocol === 1 || protocol === 58
  for (const field of ['port', 'sourcePort', 'type', 'code'] as const) {
    const value = flow[field]
    if (value === undefined) continue
    const isPort = field === 'port' || field === 'sourcePort'
    if (isPort ? !ported : !icmp) return wrong(field, `protocol ${flow.protocol} has no ${isPort ? 'ports' : field}`)
    const number = wholeNumber(value, isPort ? 65535 : 255)
    if (number === null) return wrong(field, `${value} is no number from 0 to ${isPort ? 65535 : 255}`)
    numbers[field] = number
  }
  if (ported && numbers.port === undefined) return wrong('port', `protocol ${flow.protocol} needs a port`)
  const {port, sourcePort, type, code} = numbers
  return {
    ok: true,
    packet: {
      from,
      to,
      protocol,
      ...(port === undefined ? {} : {destinationPort: port}),
      ...(sourcePort === undefined ? {} : {sourcePort}),
      ...(type === undefined ? {} : {icmpType: type}),
      ...(code === undefined ? {} : {icmpCode: code}),
    },
  }
}

/** A protocol by name or number; `icmp` is ICMPv6 where it is of IPv6. */
export function parseProtocol(value: string | number, ipv6: boolean): number | null {
  const name = String(value).toLowerCase()
  if (name === 'icmp' && ipv6) return 58
  return (Object.hasOwn(PROTOCOLS, name) ? PROTOCOLS[name] : wholeNumber(value, 255)) ?? null
}

function wholeNumber(value: string | number, last: number): number | null {
  const text = String(value)
  return /^\d{1,5}$/.test(text) && Number(text) <= last ? Number(text) : null
}
