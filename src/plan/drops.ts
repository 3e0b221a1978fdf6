import type {NftChain, Tunnel} from '../model/index.ts'

/** Why a packet is dropped by the ruleset around the policy; each is a counter, and a `reason` of the metric. */
const REASONS = ['invalid', 'leaked', 'looped', 'martian', 'site_closed', 'spoofed', 'tunnel_unknown'] as const
/** Those that are also counted by tunnel. */
const REASONS_OF_TUNNELS = ['leaked', 'looped', 'martian', 'spoofed'] as const

export type Reason = (typeof REASONS)[number]
type TunnelReason = (typeof REASONS_OF_TUNNELS)[number]

const counterOf = (reason: TunnelReason, device: string): string => `${reason}_${device}`

export const drop = (reason: Reason): string => `counter name "${reason}" drop`

/** The packet came by this tunnel, or was to leave by it. */
export const dropOf = (reason: TunnelReason, device: string): string =>
  `counter name "${counterOf(reason, device)}" drop`

export const frameCounters = (devices: readonly string[]): string[] => [
  ...REASONS,
  ...devices.flatMap((device) => REASONS_OF_TUNNELS.map((reason) => counterOf(reason, device))),
]

/** What a counter of the ruleset counts: `spoofed`, or `spoofed_DEVICE`; null: it is none of these. */
export function dropOfCounter(counter: string): {readonly reason: string; readonly device: string | null} | null {
  for (const reason of REASONS) if (counter === reason) return {reason, device: null}
  for (const reason of REASONS_OF_TUNNELS) {
    if (counter.startsWith(`${reason}_`)) return {reason, device: counter.slice(reason.length + 1)}
  }
  return null
}

/** Nothing that a site sent goes back to it, by this tunnel or another one: one look-up, however many there are. */
export function loopedRules(tunnels: readonly Pick<Tunnel, 'site' | 'device'>[]): string[] {
  const pairs = tunnels.flatMap(({site, device}) =>
    tunnels.flatMap((other) =>
      other.site === site ? [`"${other.device}" . "${device}" : "${counterOf('looped', device)}"`] : [],
    ),
  )
  return pairs.length === 0
    ? []
    : [`counter name iifname . oifname map { ${[...new Set(pairs)].sort().join(', ')} } drop`]
}

/** What nobody can have sent from where it comes: this network, loopback, multicast, class E, all of a network. */
const NOBODY = {
  ip: '{ 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/4, 240.0.0.0/4 }',
  ip6: '{ ::/96, ::ffff:0:0/96, ff00::/8 }',
}

/** Where a packet that nobody can have sent leaves its chain for good; all others come back. */
export const MARTIANS = 'martians'

/**
 * Sources that are nobody's, or our own; asked where packets are forwarded and where they come in, so that packets of
 * judged flows and of tunnels pay no hook for it. The kernel drops most of IPv4's before that and counts them for the
 * whole machine (`observe/kernel-martians.ts`); it lets IPv6 packets pass that come from our own addresses.
 *
 * Not asked of flows with a mark (`beyondMartians`): it is given in the forward hook alone, to a flow whose first packet has
 * passed here, and both its ends are its own. Nor of what is no unicast: DHCP and neighbour discovery begin without an
 * address. Link-local sources may speak to this node (clouds' metadata), and are not forwarded (IPv6's by no kernel), nor is
 * anything to them: what a cloud tells whoever asks by this machine is the machine's own keys.
 */
export function martianChains(devices: readonly string[]): NftChain[] {
  const byTunnel = devices.map((device) => `"${device}" : "${counterOf('martian', device)}"`)
  const chain = (name: string, rules: string[]): NftChain => ({name, hook: null, rules})
  return [
    chain(MARTIANS, [
      'meta pkttype != host return',
      `ip saddr ${NOBODY.ip} goto martian`,
      `ip6 saddr ${NOBODY.ip6} goto martian`,
      'fib saddr type { local, broadcast, multicast } goto martian',
    ]),
    chain('forwarded_martians', [
      `jump ${MARTIANS}`,
      'ip saddr 169.254.0.0/16 goto martian',
      'ip daddr 169.254.0.0/16 goto martian',
    ]),
    chain('martian', [
      ...(byTunnel.length > 0 ? [`counter name iifname map { ${byTunnel.join(', ')} } drop`] : []),
      drop('martian'),
    ]),
  ]
}

/** What stands before the checks of a forwarded packet, which begin at `then`. */
export const beyondMartians = (then: string): string[] => [
  `ct mark != 0x00000000 ct state new,established goto ${then}`,
  'jump forwarded_martians',
  `goto ${then}`,
]
