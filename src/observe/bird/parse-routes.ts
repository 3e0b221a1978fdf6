import {type BirdReply, replyCode} from '../../bird/index.ts'
import type {BgpAttributes, BirdRoute} from '../../model/index.ts'
import {type Prefix, parseCidr} from '../../net/index.ts'

/** `PREFIX DEST [PROTOCOL SINCE] * (PREFERENCE) …`; further routes of one prefix leave it out. `!`: the kernel refused it. */
const ROW = /^(\S*)\s+(unicast|unreachable|blackhole|prohibit) \[(\S+) [^\]]*\]( [*!])?(?: \((\d+))?/
const VIA = /^\s+(?:via (\S+) on (\S+)|dev (\S+))/
const TABLE = /^Table (\S+):/
const ATTRIBUTE = /^\s*BGP\.(\w+):\s*(.*)$/
/** What packets go by; other tables are only looked up. */
const MAIN = /^master[46]$/

/** The routes of BIRD's main tables in an answer to `show route`, in BIRD's order, lazily: there may be half a million. */
export function* parseRoutes(reply: BirdReply): Generator<BirdRoute, undefined> {
  let isMain = true
  let prefix: Prefix | null = null
  let route: Draft | null = null
  for (const {code, text} of reply.lines) {
    if (code !== replyCode.route && code !== replyCode.routeDetails && code !== replyCode.routeAttributes) continue
    const table = TABLE.exec(text)
    if (table) isMain = MAIN.test(table[1]!)
    const row = ROW.exec(text)
    if (table || row) {
      if (route) yield routeOf(route)
      route = null
    }
    if (row) {
      prefix = row[1] === '' ? prefix : parseCidr(row[1]!)
      if (isMain && prefix) route = draftOf(prefix, row)
    } else if (route) takeLine(route, text)
  }
  if (route) yield routeOf(route)
  return undefined
}

interface Draft extends Omit<BirdRoute, 'via' | 'bgp'> {
  readonly via: {readonly address: string | null; readonly device: string}[]
  readonly attributes: Map<string, string>
}

function draftOf(prefix: Prefix, [, , dest, protocol, mark, preference]: RegExpExecArray): Draft {
  return {
    prefix,
    protocol: protocol!,
    best: mark !== undefined,
    refusedByKernel: mark === ' !',
    dest: dest as BirdRoute['dest'],
    preference: Number(preference ?? 0),
    via: [],
    attributes: new Map(),
  }
}

function takeLine(route: Draft, text: string): void {
  const via = VIA.exec(text)
  if (via) route.via.push({address: via[1] ?? null, device: (via[2] ?? via[3])!})
  const attribute = ATTRIBUTE.exec(text)
  if (attribute) route.attributes.set(attribute[1]!, attribute[2]!)
}

const routeOf = ({attributes, ...route}: Draft): BirdRoute => ({
  ...route,
  bgp: attributes.size === 0 ? null : bgpOf(attributes),
})

function bgpOf(attributes: ReadonlyMap<string, string>): BgpAttributes {
  const numberOf = (name: string): number | null => (attributes.has(name) ? Number(attributes.get(name)) : null)
  const numbers = (text = ''): number[] => (text.match(/\d+/g) ?? []).map(Number)
  const groups = (name: string): string[] =>
    [...(attributes.get(name) ?? '').matchAll(/\(([^)]*)\)/g)].map(([, parts]) => numbers(parts).join(':'))
  return {
    path: numbers(attributes.get('as_path')),
    localPref: numberOf('local_pref'),
    med: numberOf('med'),
    origin: attributes.get('origin') ?? null,
    communities: [...groups('community'), ...groups('large_community')],
  }
}
