import type {LinkSpec, NftChain} from '../model/index.ts'
import {byFamily, oneOf} from './rule-texts.ts'
import type {RulesetInput} from './ruleset.ts'
import {BEFORE_CONNTRACK} from './translation.ts'

type Untracked = Pick<RulesetInput, 'config' | 'world' | 'links' | 'wireguard' | 'fouPorts'>

/**
 * What tunnels are made of has no state in conntrack: who may send it is known (`input-rules.ts`), what is in it is tracked
 * behind the device, and vxlan alone has a source port for each flow inside, so a state for each. Found by our own
 * address first, which packets of pods do not bear.
 */
export function untrackedChains(input: Untracked): NftChain[] {
  const rules = outer(input, 'daddr', portsHere(input)).map((match) => `${match} notrack accept`)
  if (rules.length === 0) return []
  const hook = {type: 'filter', hook: 'prerouting', priority: BEFORE_CONNTRACK, policy: 'accept'} as const
  return [{name: 'outer_in', hook, rules}]
}

/**
 * Of what leaves, at the head of the output hook. It needs no look at where it goes, unless it is control: of what a
 * tunnel sends that is known.
 */
export const untrackedLeaving = (input: Untracked): string[] =>
  outer(input, 'saddr', portsThere(input)).flatMap((match) => [
    `${match} meta priority 0:0 notrack accept`,
    `${match} notrack`,
  ])

/** What tunnels are made of, at this end of it. */
const outer = ({config, links}: Untracked, end: 'saddr' | 'daddr', ports: readonly number[]): string[] =>
  matches(ports, links).flatMap((match) =>
    byFamily(
      config.uplinks.map(({address}) => address),
      (set, ip) => `${ip} ${end} ${set} ${match}`,
    ),
  )

/** Of peers whose address is known; the others' packets may come through a NAT of this very machine. */
export const wireguardPorts = ({wireguard}: Pick<RulesetInput, 'wireguard'>): number[] =>
  wireguard.flatMap(({listenPort, peer}) => (peer.endpoint ? [listenPort] : []))

const vxlanPorts = (links: readonly LinkSpec[]): number[] =>
  links.flatMap((link) => (link.kind === 'vxlan' ? [link.port] : []))

const portsHere = (input: Untracked): number[] => [
  ...wireguardPorts(input),
  ...(input.fouPorts ?? []).map(({port}) => port),
  ...vxlanPorts(input.links),
]

const portsThere = ({wireguard, links}: Untracked): number[] => [
  ...wireguard.flatMap(({peer}) => (peer.endpoint ? [peer.endpoint.port] : [])),
  ...links.flatMap((link) => ((link.kind === 'ipip' || link.kind === 'sit') && link.fou ? [link.fou] : [])),
  ...vxlanPorts(links),
]

function matches(ports: readonly number[], links: readonly LinkSpec[]): string[] {
  const own = [...new Set(ports)].sort((a, b) => a - b)
  const bare = links.some(({kind}) => kind === 'ipip' || kind === 'sit' || kind === 'ip6tnl')
  return [
    ...(own.length > 0 ? [`udp dport ${oneOf(own.map(String))}`] : []),
    ...(bare ? ['meta l4proto { 4, 41 }'] : []),
  ]
}
