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
  const ends = uplinkAddresses(input)
  const arriving = matches(portsHere(input), input.links).map((match) => `${match} notrack accept`)
  const [only] = arriving
  if (ends.length === 0 || only === undefined) return []
  const chain = {name: 'untracked_in', hook: null, rules: arriving}
  const then = arriving.length === 1 ? only : `goto ${chain.name}`
  return [
    {
      name: 'outer_in',
      hook: {type: 'filter', hook: 'prerouting', priority: BEFORE_CONNTRACK, policy: 'accept'},
      rules: byFamily(ends, (set, ip) => `${ip} daddr ${set} ${then}`),
    },
    ...(then === only ? [] : [chain]),
  ]
}

/**
 * Of what leaves, at the head of the output hook. It needs no look at where it goes, unless it is control: of what a
 * tunnel sends that is known.
 */
export const untrackedLeaving = (input: Untracked): string[] =>
  matches(portsThere(input), input.links).flatMap((match) =>
    byFamily(uplinkAddresses(input), (set, ip) => `${ip} saddr ${set} ${match}`).flatMap((outer) => [
      `${outer} meta priority 0:0 notrack accept`,
      `${outer} notrack`,
    ]),
  )

const uplinkAddresses = ({config}: Untracked) => config.uplinks.map(({address}) => address)

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
