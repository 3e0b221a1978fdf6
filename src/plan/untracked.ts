import type {LinkSpec, NftChain} from '../model/index.ts'
import {byFamily, farGateways} from './rule-texts.ts'
import type {RulesetInput} from './ruleset.ts'
import {BEFORE_CONNTRACK} from './translation.ts'

type Untracked = Pick<RulesetInput, 'config' | 'world' | 'links' | 'wireguard' | 'fouPorts'>

/**
 * What tunnels are made of has no state in conntrack: who may send it is known (`input-rules.ts`), what is in it is tracked
 * behind the device, and vxlan alone has a source port for each flow inside, so a state for each. Found by our own
 * address first, which packets of pods do not bear.
 */
export function untrackedChains(input: Untracked): NftChain[] {
  const ends = input.config.uplinks.map(({address}) => address)
  const [arriving, leaving] = [matches(portsHere(input), input.links), matches(portsThere(input), input.links)]
  if (ends.length === 0 || arriving.length === 0) return []
  const chain = (
    name: string,
    hook: 'prerouting' | 'output',
    end: 'saddr' | 'daddr',
    tunnels: string[],
  ): NftChain[] => [
    {
      name: `outer_${name}`,
      hook: {type: 'filter', hook, priority: BEFORE_CONNTRACK, policy: 'accept'},
      rules: byFamily(ends, (set, ip) => `${ip} ${end} ${set} goto untracked_${name}`),
    },
    {name: `untracked_${name}`, hook: null, rules: tunnels.map((match) => `${match} notrack accept`)},
  ]
  return [...chain('in', 'prerouting', 'daddr', arriving), ...chain('out', 'output', 'saddr', leaving)]
}

/** Outer packets of known gateways need no look at whether anybody can have sent them. */
export const outerIsKnown = (input: Untracked): string[] =>
  untrackedChains(input).length === 0
    ? []
    : byFamily(farGateways(input), (set, ip) => `ct state untracked ${ip} saddr ${set} accept`)

/** Nor do those that we send need a look at where they go, unless they are control: of what a tunnel sends that is known. */
export const outerMayLeave = (input: Untracked): string[] =>
  matches(portsThere(input), input.links).map((match) => `ct state untracked meta priority 0:0 ${match} accept`)

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
  return [...(own.length > 0 ? [`udp dport { ${own.join(', ')} }`] : []), ...(bare ? ['meta l4proto { 4, 41 }'] : [])]
}
