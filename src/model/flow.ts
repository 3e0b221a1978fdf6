import {type Address, parseAddress} from '../net/index.ts'

/** The first packet of a flow, as a trace is asked about it. `id` comes back with the answer. */
export interface Flow {
  readonly from: Address
  readonly to: Address
  readonly protocol: number
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly icmpType?: number
  readonly icmpCode?: number
  readonly id?: string | number
}

/** Protocols that people call by name, as Calico does. */
const PROTOCOLS: Readonly<Record<string, number>> = {icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132, udplite: 136}
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 132])
const ICMP: ReadonlySet<number> = new Set([1, 58])

const KEYS: ReadonlySet<string> = new Set(['from', 'to', 'protocol', 'port', 'sourcePort', 'type', 'code', 'id'])

/**
 * Reads one flow in the words of `isthmus policy trace --flows`, from whatever a caller sent. What makes no sense (a
 * port of ICMP, two families) is refused with the field's name: an answer to a flow that cannot be would mislead.
 */
export function parseFlow(
  value: unknown,
): {readonly ok: true; readonly flow: Flow} | {readonly ok: false; readonly problem: string} {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('a flow is an object')
  const given = new Map<string, unknown>(
    Object.entries(value).filter(([, part]) => part !== undefined && part !== null),
  )
  for (const key of given.keys()) if (!KEYS.has(key)) return refuse(`${key}: unknown; there is ${[...KEYS].join(', ')}`)

  const [from, to] = [addressOf(given.get('from')), addressOf(given.get('to'))]
  if (!from) return refuse('from: an IPv4 or IPv6 address, such as 10.1.0.5')
  if (!to) return refuse('to: an IPv4 or IPv6 address, such as 10.2.0.7')
  if (from.includes(':') !== to.includes(':')) return refuse('from and to: of one family')

  const protocol = protocolOf(given.get('protocol'))
  if (protocol === null) return refuse(`protocol: ${Object.keys(PROTOCOLS).join(', ')} or a number from 1 to 255`)

  const numbers: {sourcePort?: number; destinationPort?: number; icmpType?: number; icmpCode?: number} = {}
  for (const [key, name, fits, what] of [
    ['port', 'destinationPort', WITH_PORTS, 'a port, 0 to 65535, of tcp, udp or sctp'],
    ['sourcePort', 'sourcePort', WITH_PORTS, 'a port, 0 to 65535, of tcp, udp or sctp'],
    ['type', 'icmpType', ICMP, 'a number, 0 to 255, of icmp or icmpv6'],
    ['code', 'icmpCode', ICMP, 'a number, 0 to 255, of icmp or icmpv6'],
  ] as const) {
    if (!given.has(key)) continue
    const number = numberOf(given.get(key), fits === ICMP ? 255 : 65535)
    if (number === null || !fits.has(protocol)) return refuse(`${key}: ${what}`)
    numbers[name] = number
  }
  if (WITH_PORTS.has(protocol) && numbers.destinationPort === undefined) return refuse('port: missing')

  const id = given.get('id')
  if (id !== undefined && typeof id !== 'string' && typeof id !== 'number') return refuse('id: a text or a number')
  return {ok: true, flow: {from, to, protocol, ...numbers, ...(id === undefined ? {} : {id})}}
}

const refuse = (problem: string): {readonly ok: false; readonly problem: string} => ({ok: false, problem})

const addressOf = (value: unknown): Address | null => (typeof value === 'string' ? parseAddress(value) : null)

function protocolOf(value: unknown): number | null {
  if (typeof value === 'string' && Object.hasOwn(PROTOCOLS, value.toLowerCase())) return PROTOCOLS[value.toLowerCase()]!
  const number = numberOf(value, 255)
  return number === 0 ? null : number
}

/** Whole numbers, also as text: command lines know no other. */
function numberOf(value: unknown, most: number): number | null {
  if (typeof value === 'string') return /^\d{1,5}$/.test(value) ? numberOf(Number(value), most) : null
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most ? value : null
}
