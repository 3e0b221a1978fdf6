import type {NftChain, NftSet} from '../../src/model/index.ts'
import {addressNumber, familyOf, prefixRange} from '../../src/net/index.ts'
import type {Judgement, Packet} from '../../src/policy/oracle/index.ts'
import {address as addressOf, prefix} from './worlds.ts'

interface Ruleset {
  /** Asked once for each look-up, so that a test can let the elements change between two. */
  readonly sets: Pick<ReadonlyMap<string, NftSet>, 'get'>
  readonly chains: ReadonlyMap<string, NftChain>
}

/** Keys by dynamic set, as rules have added them. */
export type Counted = Map<string, Set<string>>

interface State {
  readonly packet: Packet
  readonly counted: Counted
  /** Prefixes of what was logged. */
  readonly logs: string[]
  mark: string
  priority: string
  /** The mark of the flow, as far as rules have set it. */
  flow: string
}

/** What a piece of a rule does: go on with the rule, break off, or leave for a chain; a string is the chain's name. */
type Effect = 'next' | 'break' | {readonly goto: string} | {readonly jump: string} | 'drop' | 'return'

/**
 * Runs a packet through the nft text that the compiler printed, as the kernel would: only the language that it prints,
 * and anything else is an error. Returns `allowed`, or the chain that dropped.
 */
export function interpret(ruleset: Ruleset, packet: Packet, logs: string[] = [], counted: Counted = new Map()): string {
  return interpretFlow(ruleset, packet, '', logs, counted).end
}

/** The same of a packet whose flow bears a mark, and the mark that it has then. */
export function interpretFlow(
  ruleset: Ruleset,
  packet: Packet,
  flow: string,
  logs: string[] = [],
  counted: Counted = new Map(),
): {readonly end: string; readonly flow: string} {
  const state: State = {packet, logs, counted, mark: '0x00000bad', priority: 'b:ad', flow}
  const end = runFrom(ruleset, 'judge', state)
  if (end === null) throw new Error('the chains end without a verdict')
  return {end, flow: state.flow}
}

/** Where the packet ends that comes to this chain; null: it goes back to where it came from. */
function runFrom(ruleset: Ruleset, first: string, state: State): string | null {
  let at = first
  for (let hops = 0; hops < 100; hops++) {
    if (at === 'allowed') return at
    const chain = ruleset.chains.get(at)
    if (!chain) throw new Error(`no chain ${at}`)
    const end = runChain(ruleset, chain, state)
    if (end === 'drop') return chain.name
    if (end === null) return null
    if ('end' in end) return end.end
    at = end.goto
  }
  throw new Error('the chains go round in a circle')
}

/** How the packet leaves this chain; null: back to where it came from. */
function runChain(
  ruleset: Ruleset,
  chain: NftChain,
  state: State,
): 'drop' | {readonly goto: string} | {readonly end: string} | null {
  for (const rule of chain.rules) {
    let effect: Effect = 'next'
    for (const {match, run} of statementsOf(rule)) {
      effect = run(match, state, ruleset)
      if (effect !== 'next') break
    }
    if (effect === 'drop') return 'drop'
    if (effect === 'return') return null
    if (typeof effect === 'string') continue
    if ('goto' in effect) return effect
    const end = runFrom(ruleset, effect.jump, state)
    if (end !== null) return {end}
  }
  return null
}

const STATEMENTS: {pattern: RegExp; run: (match: RegExpExecArray, state: State, ruleset: Ruleset) => Effect}[] = [
  {pattern: /^goto (\S+)$/, run: ([, chain]) => ({goto: chain!})},
  {pattern: /^jump (\S+)$/, run: ([, chain]) => ({jump: chain!})},
  {
    pattern: /^limit rate 10\/second burst 20 packets log prefix "([^"]{1,127})"$/,
    run: ([, prefix], {logs}) => {
      logs.push(prefix!)
      return 'next'
    },
  },
  {
    pattern: /^counter name "([^"]+)" drop$/,
    run: () => 'drop',
  },
  {
    pattern: /^meta nfproto ipv(4|6)/,
    run: ([, family], {packet}) => when(familyOf(packet.from) === Number(family)),
  },
  {pattern: /^return$/, run: () => 'return'},
  {pattern: /^counter name "judged_beyond"$/, run: ([rule], {counted}) => added(counted, rule, '', Infinity)},
  // Whether the flow bears a mark changes no verdict: here every other packet's does.
  {pattern: /^ct mark 0x00000000/, run: (_, {packet}) => when((packet.sourcePort ?? 0) % 2 === 0)},
  {pattern: /^ct mark (0x\w+)/, run: ([, value], {flow}) => when(flow === value)},
  {
    pattern: /^ct mark set (0x\w+)/,
    run: ([, value], state) => {
      state.flow = value!
      return 'next'
    },
  },
  {pattern: /^ct state related,invalid/, run: () => 'break'},
  {
    pattern: /^meta l4proto (!= )?\{ icmp, icmpv6, tcp, udp, sctp, dccp, udplite \}/,
    run: ([, not], {packet}) => when([1, 58, 6, 17, 132, 33, 136].includes(packet.protocol) === (not === undefined)),
  },
  {
    pattern: /^update @(\w+) \{ meta mark \. meta priority \. meta l4proto( \. ct original proto-dst)? counter \}/,
    run: ([, name, port], {packet, mark, priority, counted}, {sets}) => {
      const set = sets.get(name!)!
      if (!set.dynamic || !set.external) throw new Error(`${name} is not for rules to write`)
      const key = [mark, priority, packet.protocol, ...(port ? [portOf(packet, false)] : [])].join(' . ')
      return added(counted, set.name, key, set.size ?? 0)
    },
  },
  {pattern: /^meta l4proto (\d+)/, run: ([, protocol], {packet}) => when(packet.protocol === Number(protocol))},
  {pattern: /^meta l4proto != (\d+)/, run: ([, protocol], {packet}) => when(packet.protocol !== Number(protocol))},
  {
    pattern: /^ct original proto-(src|dst) (\d+)(?:-(\d+))?/,
    run: ([, side, first, last], {packet}) => {
      const port = portOf(packet, side === 'src')
      return when(port !== null && Number(first) <= port && port <= Number(last ?? first))
    },
  },
  {
    pattern: /^meta (mark|priority) set ct original ip6? ([sd])addr map @(\w+)/,
    run: ([, field, side, name], state, {sets}) => {
      const address = side === 's' ? state.packet.from : state.packet.to
      const value = lookUp(sets.get(name!)!, address)
      if (value === null) return 'break'
      state[field as 'mark' | 'priority'] = value
      return 'next'
    },
  },
  {
    pattern: /^meta mark set meta mark \. meta priority map @(\w+)/,
    run: ([, name], state, {sets}) => mapped(state, sets.get(name!)!, `${state.mark} . ${state.priority}`),
  },
  {
    pattern: /^meta mark set meta (mark|priority) map @(\w+)/,
    run: ([, field, name], state, {sets}) => mapped(state, sets.get(name!)!, state[field as 'mark' | 'priority']),
  },
  {
    pattern: /^meta (mark|priority) set (\S+)/,
    run: ([, field, value], state) => {
      state[field as 'mark' | 'priority'] = value!
      return 'next'
    },
  },
  {
    pattern: /^meta mark \. meta priority vmap @(\w+)/,
    run: ([, name], {mark, priority}, {sets}) => verdict(sets.get(name!)!, `${mark} . ${priority}`),
  },
  {
    pattern: /^meta (mark|priority) vmap @(\w+)/,
    run: ([, field, name], state, {sets}) => verdict(sets.get(name!)!, state[field as 'mark' | 'priority']),
  },
  {
    pattern: /^meta (mark|priority) (0x\w+|none)/,
    run: ([, field, value], state) => when(state[field as 'mark' | 'priority'] === value),
  },
]

interface Statement {
  readonly match: RegExpExecArray
  readonly run: (typeof STATEMENTS)[number]['run']
}

function statementOf(text: string): Statement | null {
  for (const {pattern, run} of STATEMENTS) {
    const match = pattern.exec(text)
    if (match) return {match, run}
  }
  return null
}

/** Thousands of packets read the same rules: each is read once. */
const statementsOf = remembered((rule): readonly Statement[] => {
  const statements: Statement[] = []
  for (let rest = rule; rest !== ''; ) {
    const statement = statementOf(rest)
    if (!statement) throw new Error(`cannot read ${rest} in ${rule}`)
    statements.push(statement)
    rest = rest.slice(statement.match[0].length).trimStart()
  }
  return statements
})

/** More texts than one world has. */
const MOST_REMEMBERED = 20_000

function remembered<T>(read: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    if (known.size >= MOST_REMEMBERED) known.clear()
    const value = read(text)
    known.set(text, value)
    return value
  }
}

const when = (holds: boolean): Effect => (holds ? 'next' : 'break')

/** As `update` does: with a new key in a full set the rule ends. */
function added(counted: Counted, set: string, key: string, size: number): Effect {
  const keys = counted.get(set) ?? new Set()
  counted.set(set, keys)
  if (keys.size >= size && !keys.has(key)) return 'break'
  keys.add(key)
  return 'next'
}

function mapped(state: State, map: NftSet, key: string): Effect {
  const value = map.elements.get(key)
  if (value === undefined) return 'break'
  state.mark = value
  return 'next'
}

function verdict(map: NftSet, key: string): Effect {
  const value = map.elements.get(key)
  return value === undefined ? 'break' : {goto: value.replace(/^goto /, '')}
}

function lookUp(map: NftSet, address: Packet['from']): string | null {
  if (!map.interval) return map.elements.get(address) ?? null
  const [family, number] = [familyOf(address), numberOf(address)]
  let found: string | null = null
  for (const [key, value] of map.elements) {
    const interval = intervalOf(key)
    if (interval.family !== family || number < interval.first || number > interval.last) continue
    if (found !== null) throw new Error(`${map.name} overlaps at ${address}`)
    found = value
  }
  return found
}

const numberOf = remembered((address) => addressNumber(addressOf(address)))

const intervalOf = remembered((element) => {
  const [first, last] = element.split('-')
  if (last === undefined) return prefixRange(prefix(element))
  return {family: familyOf(addressOf(last)), first: numberOf(first!), last: numberOf(last)}
})

/** Conntrack's tuple has type and code of ICMP in the place of the destination port, and the id in the source's. */
function portOf(packet: Packet, source: boolean): number | null {
  const icmp = packet.protocol === (familyOf(packet.from) === 4 ? 1 : 58)
  if (icmp) return source ? 4711 : (packet.icmpType ?? 0) * 256 + (packet.icmpCode ?? 0)
  return (source ? packet.sourcePort : packet.destinationPort) ?? null
}

/** Where a flow with this judgement must end in the kernel. */
export function chainOf({verdict, reason, direction, site}: Judgement): string {
  if (verdict === 'allow') return 'allowed'
  return reason === 'unowned' ? 'deny_unowned' : `deny_${direction}_${site}`
}
