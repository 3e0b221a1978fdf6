import {
  type FouPort,
  type GatewayConfig,
  type LinkSpec,
  markText,
  type NativeWays,
  type NftChain,
  type NftHook,
  type NftSet,
  type NftTable,
  nativeByConfig,
  REMEMBER_MARK,
  sitesThrough,
  type Tunnel,
  type UdpPorts,
  WATCHED,
  WATCHED_MARK,
  type WireguardSpec,
  type World,
} from '../model/index.ts'
import {type Address, type Prefix, prefixFamily} from '../net/index.ts'
import {outputChains} from './control.ts'
import {deviceChain, NEAR_NEAR} from './device-chains.ts'
import {beyondMartians, drop, dropOf, frameCounters, martianChains, type Reason} from './drops.ts'
import {inputRules, vxlanChains} from './input-rules.ts'
import {NODE_SET, nodeAddresses, nodeChains} from './node-ipip.ts'
import {planNodeNat} from './node-nat.ts'
import {byFamily, errorSources, icmpErrors, isClosedTo, oneOf, SYN} from './rule-texts.ts'
import {BETWEEN, planTransit} from './transit.ts'
import {planTranslation} from './translation.ts'
import {type DeviceIndexes, fastDevices, type TrustedWaysInput, trustedWays} from './trusted-ways.ts'
import {passingToTwin, toTwin} from './twin-ways.ts'
import {untrackedChains, untrackedLeaving} from './untracked.ts'

export const TABLE = 'isthmus'
/** There on a machine that has a fast path, and nowhere else. */
export const REMEMBERED_CHAIN = 'remembered'

/** The policy compiler's part of the table, entered by `goto judge`; it leaves by `goto allowed` or drops. */
export interface PolicyPart {
  readonly sets: ReadonlyMap<string, NftSet>
  readonly chains: ReadonlyMap<string, NftChain>
  readonly counters: readonly string[]
  /** Parts that must be in force before it, in their order. */
  readonly stages?: readonly PolicyPart[]
  readonly udpPorts?: UdpPorts | null
}

export interface RulesetInput {
  readonly config: GatewayConfig
  readonly world: Pick<World, 'sites'> & Partial<Pick<World, 'nodes'>>
  /** Where own nodes hide pods behind their address. */
  readonly nat?: World['nat']
  readonly tunnels: readonly Tunnel[]
  /** Those of `tunnels` whose packets arrive on the device of another. */
  readonly trials?: readonly (Tunnel & {readonly of: string})[]
  readonly links: readonly LinkSpec[]
  readonly wireguard: readonly WireguardSpec[]
  /** Where the kernel takes packets of tunnels out of UDP. */
  readonly fouPorts?: readonly FouPort[]
  /** Devices of the uplinks, as far as the kernel has them. */
  readonly uplinkDevices: readonly string[]
  /** Devices that the kernel has; packets of judged flows between other ones cost more, and pass all the same. */
  readonly devices: DeviceIndexes
  /** By tunnel device: MSS is clamped from less than its MTU while a larger one is only tried. */
  readonly limits?: ReadonlyMap<string, {readonly clamp: number}>
  /** As the configuration has it unless said. */
  readonly native?: NativeWays
  /** The machine has a fast path, and it is wanted. */
  readonly fastPath?: boolean
}

/** All of the table that is not policy's. */
export interface RulesetFrame {
  readonly chains: ReadonlyMap<string, NftChain>
  /** The same for a policy that watches flows. */
  readonly watching: ReadonlyMap<string, NftChain>
  readonly sets: readonly NftSet[]
  readonly counters: readonly string[]
  readonly fastPath?: readonly number[]
}

/** The whole table, with this policy in its frame. */
export function planRuleset(input: RulesetInput & {readonly policy: PolicyPart}): NftTable {
  return rulesetWith(rulesetFrame(input), input.policy)
}

export function rulesetWith(frame: RulesetFrame, policy: PolicyPart): NftTable {
  const sets = new Map(policy.sets)
  for (const set of frame.sets) sets.set(set.name, set)
  const counters = [...new Set([...policy.counters, ...frame.counters])].sort()
  const around = policy.chains.has(WATCHED) ? frame.watching : frame.chains
  const fast = frame.fastPath ? {fastPath: frame.fastPath, udpPorts: policy.udpPorts ?? null} : {}
  return {family: 'inet', name: TABLE, counters, sets, chains: joined(policy.chains, around), ...fast}
}

/**
 * Hooks, anti-spoofing and leak prevention around the compiled policy.
 *
 * Order in the forward hook (design.md, Policy 5): flows on a way that one of their packets was checked on
 * (`trusted-ways.ts`), then for all others sources, ways out, ICMP errors, state that this policy judged, judgement. SYNs
 * are never among the former, since their MSS is clamped; ICMP errors neither: they bear the mark of the flow that they
 * tell of, and any source. A pair of devices, or else each of the two, leads to a small chain of its own by one hash
 * look-up, so that a packet's cost does not grow with the number of sites. The forward hook's own verdict is drop: a
 * table that is only half understood is closed.
 */
export function rulesetFrame(input: RulesetInput): RulesetFrame {
  const {config, tunnels} = input
  const remotes = [...config.sites.values()].flatMap((site) => site.owns)
  const mtus = new Map(input.links.map(({name, mtu}) => [name, mtu]))
  const devices = [...new Set(tunnels.map((tunnel) => tunnel.device))].sort()
  const chains = new Map<string, NftChain>()
  const add = (name: string, rules: string[], hook: NftHook | null = null): void => {
    chains.set(name, {name, hook, rules})
  }
  const filter = (hook: NftHook['hook'], verdict: NftHook['policy']): NftHook => ({
    type: 'filter',
    hook,
    priority: 0,
    policy: verdict,
  })

  for (const device of devices) {
    const own = tunnels.filter((tunnel) => tunnel.device === device)
    const site = own[0]!.site
    const mtu = mtus.get(device) ?? 1280
    const clamp = clampRules(Math.min(mtu, input.limits?.get(device)?.clamp ?? mtu))
    const reached = sitesThrough(config, site)
    const [open, closed] = [false, true].map((isClosed) =>
      reached.filter(({name}) => isClosedTo(input, name) === isClosed).flatMap(({owns}) => owns),
    )
    const errors = errorSources(input, own, reached)
    add(deviceChain('clamp', device), clamp)
    const sources = (then: string): string[] => [
      `${SYN} jump ${deviceChain('clamp', device)}`,
      ...byFamily(closed!, (set, ip) => `${ip} saddr ${set} ${drop('site_closed')}`),
      `ct state related goto ${deviceChain('told', device)}`,
      ...byFamily(open!, (set, ip) => `${ip} saddr ${set} goto ${then}`),
      dropOf('spoofed', device),
    ]
    const destinations = (then: string): string[] => [
      `${SYN} jump ${deviceChain('clamp', device)}`,
      ...byFamily(closed!, (set, ip) => `${ip} daddr ${set} ${drop('site_closed')}`),
      ...byFamily(open!, (set, ip) => `${ip} daddr ${set} goto ${then}`),
      ...byFamily(errors, (set, ip) => `${ip} daddr ${set} ct state related ${icmpErrors(ip)} goto ${then}`),
      dropOf('leaked', device),
    ]
    add(deviceChain('told', device), toldRules(device, [...closed!, ...open!], open!, errors))
    add(deviceChain('in', device), sources('checked_source'))
    add(deviceChain('out', device), destinations('checked_ends'))
    add(deviceChain('from', device), sources('known_near'))
    add(deviceChain('to', device), [...nearEnd(input, remotes, 'saddr', 'spoofed'), ...destinations('known_ends')])
  }
  const nearDestinations = nearEnd(input, remotes, 'daddr', 'leaked')
  const nearSources = nearEnd(input, remotes, 'saddr', 'spoofed')
  add(NEAR_NEAR, [...nearSources, ...toTwin(config), ...nearDestinations, 'goto known_ends'])
  add('known_near', [...nearDestinations, 'goto known_ends'])
  // Its flow bears another way than this or none, so it is judged, and bears this one then, whatever its generation.
  const nodeNat = planNodeNat(input.nat ?? [], config)
  add('known_ends', ['ct state related,invalid jump odd_state', ...nodeNat.rules, 'goto judge'])
  add('in_other', inOther(input, remotes))
  add('out_other', outOther(input, remotes))

  add(
    'forward',
    [
      `meta l4proto udp ${input.fastPath ? TRUSTED.replace('accept', `goto ${REMEMBERED_CHAIN}`) : TRUSTED}`,
      // Jumps and what comes back: `checked` stands one chain higher so, of the 16 in a row that the kernel takes.
      'meta l4proto tcp jump forward_tcp',
      `meta l4proto != udp meta l4proto != tcp ct state new,established ${TRUSTED}`,
      ...beyondMartians('checked'),
    ],
    filter('forward', 'drop'),
  )
  if (input.fastPath) add(REMEMBERED_CHAIN, REMEMBERED)
  add('forward_tcp', [`${SYN} return`, TRUSTED])
  const transit = planTransit(input)
  for (const chain of transit.chains) chains.set(chain.name, chain)
  add('checked', [
    'iifname . oifname vmap @known_ways',
    `iifname @tunnels oifname @tunnels goto ${BETWEEN}`,
    'iifname vmap @inbound',
    'jump in_other',
    'goto checked_source',
  ])
  add('checked_source', ['oifname vmap @outbound', 'jump out_other', 'goto checked_ends'])
  add('checked_ends', [
    'ct state related,invalid jump odd_state',
    'ct mark & 0xffffff00 == @generation accept',
    ...nodeNat.rules,
    'goto judge',
  ])
  add('odd_state', [
    ...(['ip', 'ip6'] as const).map((ip) => `ct state related ${icmpErrors(ip)} accept`),
    `ct state invalid ${drop('invalid')}`,
  ])
  // What was judged leaves without our scratch values, and its flow carries the number of the policy that judged it. A
  // packet that tells of a flow has been where that flow's packets need not be, and gives it no way.
  const unmarked = 'meta mark set 0x00000000 meta priority set 0:0'
  add('allowed', [
    unmarked,
    'ct state new,established ct mark set ct direction . iif . oif map @ways accept',
    'ct mark set meta nfproto map @current',
    'accept',
  ])
  for (const [name, rules] of nodeChains(config, drop('spoofed'))) add(name, rules)
  for (const [name, rules] of vxlanChains(input.links)) add(name, rules)
  add('input', inputRules(input, devices), filter('input', 'accept'))
  for (const chain of [
    ...untrackedChains(input),
    ...outputChains(untrackedLeaving(input)),
    ...martianChains(devices),
    ...nodeNat.chains,
  ])
    chains.set(chain.name, chain)

  for (const chain of passingToTwin(config, remotes)) chains.set(chain.name, chain)
  const translation = planTranslation(config, tunnels)
  for (const chain of translation.chains) chains.set(chain.name, chain)

  // As long as the frame is the same, so are its sets: who compares them remembers what they were found equal to.
  const waysInput: TrustedWaysInput = {
    ...input,
    closed: (site) => sitesThrough(config, site).some(({name}) => isClosedTo(input, name)),
  }
  const ways = trustedWays(waysInput)
  const sets: NftSet[] = ways.map((one) => ({...one, version: {}}))
  const set = (
    name: string,
    key: string,
    value: string | null,
    elements: [string, string][],
    external?: true,
  ): void => {
    const base = {name, key, value, interval: false, elements: new Map(elements)}
    sets.push(external ? {...base, external} : {...base, version: {}})
  }
  set('generation', 'mark', null, [], true)
  set('current', 'nf_proto', 'mark', [], true)
  set(
    'tunnels',
    'ifname',
    null,
    devices.map((device) => [device, '']),
  )
  set(
    'inbound',
    'ifname',
    'verdict',
    devices.map((device) => [device, `goto ${deviceChain('in', device)}`]),
  )
  set(
    'outbound',
    'ifname',
    'verdict',
    devices.map((device) => [device, `goto ${deviceChain('out', device)}`]),
  )
  for (const one of transit.sets) sets.push({...one, version: {}})
  if (config.nodes?.ipip) {
    set(
      NODE_SET,
      'ipv4_addr',
      null,
      nodeAddresses(input.world.nodes ?? []).map((address) => [address, '']),
    )
  }
  if (translation.chains.length > 0) {
    for (const way of ['arriving', 'leaving'] as const) {
      set(
        way,
        'ifname',
        'verdict',
        [...translation[way]].map(([device, chain]) => [device, `goto ${chain}`]),
      )
    }
  }

  // A watched flow keeps its mark, which nobody trusts, so that its next packet is judged, and counted, too.
  const allowed = chains.get('allowed')!
  const ofWatched = [unmarked, `ct mark ${WATCHED_MARK} accept`, ...allowed.rules.slice(1)]
  const watching = new Map([...chains, ['allowed', {...allowed, rules: ofWatched}]])
  const fast = input.fastPath ? {fastPath: fastDevices(waysInput, ways)} : {}
  return {chains, watching, sets, counters: [...frameCounters(devices), ...nodeNat.counters], ...fast}
}

const joins = new WeakMap<PolicyPart['chains'], {readonly frame: object; readonly chains: NftTable['chains']}>()

/** The same map for the same chains, so that who compares thousands of them for each endpoint need do it once. */
function joined(ofPolicy: PolicyPart['chains'], around: ReadonlyMap<string, NftChain>): NftTable['chains'] {
  const known = joins.get(ofPolicy)
  if (known?.frame === around) return known.chains
  const chains = new Map(ofPolicy)
  for (const [name, chain] of around) chains.set(name, chain)
  joins.set(ofPolicy, {frame: around, chains})
  return chains
}

const MOST_COMPARED = 3

const TRUSTED = 'ct mark . ct direction . iif . oif @trusted accept'
/** The fast path remembers a flow by the packet that leaves, which must be as the one that came, and nobody's marked one. */
const REMEMBERED = [
  ...['original', 'reply'].map(
    (direction, number) =>
      `meta mark 0x00000000 ct direction ${direction} ct status & (snat | dnat) == 0 meta mark set ${markText(REMEMBER_MARK + number)}`,
  ),
  'accept',
]

/**
 * What may not be at the near end of a way: an address behind a tunnel. Own prefixes, which are none of these, are
 * compared with first where they are few; that costs less than the look-up.
 */
function nearEnd({config}: RulesetInput, remotes: readonly Prefix[], end: 'saddr' | 'daddr', reason: Reason): string[] {
  const [own4, own6] = ([4, 6] as const).map((family) => config.owns.filter((own) => prefixFamily(own) === family))
  return byFamily([...remotes, ...config.interconnect], (set, ip) => {
    const own = (ip === 'ip' ? own4! : own6!).map((prefix) => `${ip} ${end} != ${prefix} `).sort()
    return `${own.length <= MOST_COMPARED ? own.join('') : ''}${ip} ${end} ${set} ${drop(reason)}`
  })
}

/**
 * What came by a tunnel and tells of a flow, by conntrack's word: of one with an end behind this tunnel, or it is made up.
 * Its sender may have written that flow's packet itself, and infrastructure may be any prefix.
 */
function toldRules(
  device: string,
  behind: readonly Prefix[],
  open: readonly Prefix[],
  errors: readonly (Prefix | Address)[],
): string[] {
  const families = new Set(behind.map(prefixFamily))
  const ofFlows = errors.filter((source) => families.has(prefixFamily(source as Prefix)))
  return [
    ...(['original', 'reply'] as const).flatMap((way) =>
      byFamily(behind, (set, ip) => `ct direction ${way} ct ${way} ${ip} saddr != ${set} ${dropOf('spoofed', device)}`),
    ),
    ...byFamily(open, (set, ip) => `${ip} saddr ${set} goto checked_source`),
    ...byFamily(ofFlows, (set, ip) => `${ip} saddr ${set} ${icmpErrors(ip)} goto checked_source`),
    dropOf('spoofed', device),
  ]
}

/** Packets from devices that are no tunnel: none of them may bear an address of a site behind a tunnel. */
function inOther(input: RulesetInput, remotes: readonly Prefix[]): string[] {
  const {config, uplinkDevices} = input
  const plain = plainPrefixes(input, false)
  return [
    ...byFamily(plainPrefixes(input, true), (set, ip) => `${ip} saddr ${set} ${drop('site_closed')}`),
    ...(uplinkDevices.length > 0
      ? [
          ...byFamily(plain, (set, ip) => `iifname ${quoted(uplinkDevices)} ${ip} saddr ${set} return`),
          // Our own addresses do not come from the WAN, with one encapsulation or another; they do where the way to them leads
          // there: a gateway in a VPC has one interface.
          ...byFamily(
            config.owns,
            (set, ip) =>
              `iifname ${quoted(uplinkDevices)} ${ip} saddr ${set} fib saddr . iif oif missing ${drop('spoofed')}`,
          ),
        ]
      : []),
    ...byFamily([...remotes, ...config.interconnect], (set, ip) => `${ip} saddr ${set} ${drop('spoofed')}`),
  ]
}

/** Packets to devices that are no tunnel: nothing for a remote prefix, but for sites without encapsulation. */
function outOther(input: RulesetInput, remotes: readonly Prefix[]): string[] {
  const {config, uplinkDevices} = input
  const plain = plainPrefixes(input, false)
  return [
    ...toTwin(config),
    ...byFamily(plainPrefixes(input, true), (set, ip) => `${ip} daddr ${set} ${drop('site_closed')}`),
    ...(uplinkDevices.length > 0
      ? byFamily(plain, (set, ip) => `oifname ${quoted(uplinkDevices)} ${ip} daddr ${set} return`)
      : []),
    ...byFamily([...remotes, ...config.interconnect], (set, ip) => `${ip} daddr ${set} ${drop('leaked')}`),
  ]
}

/** Prefixes of remote sites, closed or open, whose pod prefixes cross the WAN as they are. */
function plainPrefixes(input: RulesetInput, closed: boolean): Prefix[] {
  const native = input.native ?? nativeByConfig(input.config)
  return [...input.config.sites.values()]
    .filter(({name}) => native.has(name) && isClosedTo(input, name) === closed)
    .flatMap(({owns}) => owns)
}

/** MSS both ways, and only ever down: a smaller one that an end chose stays (submariner#1774, #1488). */
function clampRules(mtu: number): string[] {
  const rule = (nfproto: string, mss: number): string =>
    `meta nfproto ${nfproto} tcp option maxseg size > ${mss} tcp option maxseg size set ${mss}`
  return [rule('ipv4', mtu - 40), rule('ipv6', mtu - 60)]
}

const quoted = (devices: readonly string[]): string => oneOf(devices.map((device) => `"${device}"`))
