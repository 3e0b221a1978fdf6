import type {LinkSpec} from '../model/index.ts'
import {type Address, familyOf} from '../net/index.ts'
import {drop, dropOf, MARTIANS} from './drops.ts'
import {nodeAdmission} from './node-ipip.ts'
import {byFamily, farGateways, oneOf} from './rule-texts.ts'
import type {RulesetInput} from './ruleset.ts'
import {wireguardPorts} from './untracked.ts'

/** Tunnel protocols only from known gateways; through a tunnel, only its far end speaks to this node. */
export function inputRules(
  {world, config, tunnels, trials = [], links, wireguard, fouPorts = []}: RulesetInput,
  devices: readonly string[],
): string[] {
  const known = farGateways({world, config})
  // Who may come from anywhere has no endpoint here, and is known by its key. What the kernel takes out of a port of fou
  // does not come by here again.
  const ports = [...new Set([...wireguardPorts({wireguard}), ...fouPorts.map(({port}) => port)])].sort()
  const protocols = [...(ports.length > 0 ? [`udp dport ${oneOf(ports.map(String))}`] : []), 'meta l4proto { 4, 41 }']
  const vxlan = vxlanRules(links)
  return [
    // What the tunnels carry comes first.
    ...vxlan.known,
    ...nodeAdmission(config, {links, fouPorts}, drop('tunnel_unknown')),
    ...protocols.flatMap((match) => byFamily(known, (set, ip) => `${match} ${ip} saddr ${set} accept`)),
    'iifname "lo" accept',
    `jump ${MARTIANS}`,
    ...[...protocols, ...vxlan.all].map((match) => `${match} ${drop('tunnel_unknown')}`),
    ...devices.flatMap((device) => {
      const arriving = [
        ...tunnels.filter((tunnel) => tunnel.device === device),
        ...trials.filter(({of}) => of === device),
      ]
      const peers = arriving.map(({peer}) => peer as Address)
      return [
        ...byFamily(peers, (set, ip) => `iifname "${device}" ${ip} saddr ${set} accept`),
        ...linkLocalRules(
          device,
          peers.some((peer) => familyOf(peer) === 6),
        ),
        `iifname "${device}" ct state established,related accept`,
        `iifname "${device}" ${dropOf('spoofed', device)}`,
      ]
    }),
  ]
}

interface VxlanEnd {
  readonly port: number
  readonly remote: Address
  readonly vnis: readonly number[]
}

function vxlanEnds(links: readonly LinkSpec[]): VxlanEnd[] {
  const vxlans = links.filter((link) => link.kind === 'vxlan')
  const byEnd = Map.groupBy(vxlans, ({port, remote}) => `${port} ${remote}`)
  return [...byEnd]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, [first, ...others]]) => ({
      port: first!.port,
      remote: first!.remote,
      vnis: [...new Set([first!, ...others].map(({vni}) => vni))].sort((a, b) => a - b),
    }))
}

/** So many far ends are compared one after the other, which costs a packet less than a look-up and a chain. */
const MOST_COMPARED = 2

const isOurs = ({vnis}: VxlanEnd): string => `@th,96,32 ${oneOf(vnis.map((vni) => String(vni * 256)))} accept`

const vxlanChain = ({port, remote}: VxlanEnd): string => `vxlan_${port}_${remote.replaceAll(/[.:]/g, '_')}`

/**
 * A vxlan device takes its network number from any source, so a gateway that is known could speak for another site's:
 * each far end has its numbers. ipip's and wireguard's devices ask for theirs by themselves. A chain for each end of many, since nft
 * before 1.0.6 takes no raw bytes in a concatenation (Ubuntu 22.04 has 1.0.2). Compared with the reserved byte behind it
 * (RFC 7348, section 5: zero), since the kernel is quick to load four bytes and not three.
 */
export const vxlanChains = (links: readonly LinkSpec[]): (readonly [name: string, rules: string[]])[] =>
  [...endsByPort(links).values()]
    .filter((ends) => ends.length > MOST_COMPARED)
    .flatMap((ends) => ends.map((end) => [vxlanChain(end), [isOurs(end), drop('tunnel_unknown')]] as const))

/** Far ends by port and family, each in order. */
const endsByPort = (links: readonly LinkSpec[]): Map<string, VxlanEnd[]> =>
  Map.groupBy(vxlanEnds(links), ({port, remote}) => `udp dport ${port} ${familyOf(remote) === 4 ? 'ip' : 'ip6'} saddr`)

function vxlanRules(links: readonly LinkSpec[]): {readonly known: string[]; readonly all: string[]} {
  const known = [...endsByPort(links)].flatMap(([match, ends]) => {
    if (ends.length <= MOST_COMPARED) return ends.map((end) => `${match} ${end.remote} ${isOurs(end)}`)
    return [`${match} vmap { ${ends.map((end) => `${end.remote} : goto ${vxlanChain(end)}`).join(', ')} }`]
  })
  const ports = [...new Set(vxlanEnds(links).map(({port}) => port))].sort()
  return {known, all: ports.map((port) => `udp dport ${port}`)}
}

/** Neighbours ask for each other where a device bears IPv6; what else kernels say of themselves is no attack. */
const linkLocalRules = (device: string, bearsIpv6: boolean): string[] => [
  ...(bearsIpv6
    ? [`iifname "${device}" icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept`]
    : []),
  `iifname "${device}" ip6 saddr { ::, fe80::/10 } drop`,
]
