import {
  type FouPort,
  type GatewayConfig,
  type IpipLink,
  type LinkSpec,
  NODE_DEVICE,
  type World,
} from '../model/index.ts'
import {type Address, addressNumber, familyOf, prefixAddress, prefixFamily, prefixLength} from '../net/index.ts'
import {oneOf} from './rule-texts.ts'

/**
 * Calico's own IPIP between nodes behind a router and the gateway: one device for all nodes, each packet's outer
 * destination being its route's next hop, and who may send to it.
 */
const TTL = 64
/** Of a device with many far ends. */
const ANY = '0.0.0.0' as Address

/** Set of the addresses of the site's own nodes. */
export const NODE_SET = 'site_nodes'

/**
 * What goes to nodes comes from the gateway's own address. One more device for each that moves between it and its twin: it
 * is there before the address is, so that a takeover needs nobody but keepalived.
 */
export function nodeLinks({nodes}: Pick<GatewayConfig, 'nodes'>): IpipLink[] {
  if (!nodes?.ipip) return []
  const {address, shared, mtu} = nodes.ipip
  const ends = [
    {name: NODE_DEVICE, local: address},
    ...shared.map((local) => ({name: `is-at-${hex(addressNumber(local)).slice(2)}`, local})),
  ]
  // No site at the far end, so that the device goes as soon as nobody wants it.
  return ends.map(({name, local}) => ({
    ...{kind: 'ipip', name, alias: `isthmus nodes:${local}`, mtu, local, remote: ANY, ttl: TTL},
  }))
}

export const nodeAddresses = (nodes: World['nodes']): Address[] =>
  [...new Set(nodes.flatMap(({addresses}) => addresses.map(({address}) => address)))]
    .filter((address) => familyOf(address) === 4)
    .sort()

const FROM_NODE = 'from_node'

/**
 * Protocol 4 from own nodes, before what decides for gateways. The inner source is looked at where it still lies in the
 * outer packet: behind the device it would be a neighbour's like any other, and might be on a way that needs no look. So
 * whoever has no device of his own here must be a node, and a known gateway is none: the kernel gives the nodes' device all
 * that no other takes, in UDP too. `unknown` is what becomes of the rest.
 */
export function nodeAdmission(
  config: Pick<GatewayConfig, 'nodes'>,
  {links, fouPorts}: {readonly links: readonly LinkSpec[]; readonly fouPorts: readonly FouPort[]},
  unknown: string,
): string[] {
  const ends = nodeLinks(config).map(({local}) => local)
  if (ends.length === 0) return []
  const tunnels = links.flatMap((link) =>
    link.kind === 'ipip' && ends.includes(link.local) ? [`${link.remote} . ${link.local}`] : [],
  )
  const others = tunnels.length > 0 ? `ip saddr . ip daddr != { ${[...new Set(tunnels)].sort().join(', ')} } ` : ''
  const here = `ip daddr ${oneOf(ends.sort())} ${others}`
  const ports = [...new Set(fouPorts.map(({port}) => port))].sort((a, b) => a - b)
  return [
    `meta l4proto 4 ${here}ip saddr @${NODE_SET} goto ${FROM_NODE}`,
    `meta l4proto 4 ${here}${unknown}`,
    ...(ports.length > 0 ? [`udp dport ${oneOf(ports.map(String))} ${here}${unknown}`] : []),
  ]
}

/** By name; `spoofed` is what becomes of the rest. */
export function nodeChains(
  {nodes, owns}: Pick<GatewayConfig, 'nodes' | 'owns'>,
  spoofed: string,
): [string, string[]][] {
  if (!nodes?.ipip) return []
  const inside = owns
    .filter((own) => prefixFamily(own) === 4)
    .map((own) => {
      const mask = (0xffffffffn << BigInt(32 - prefixLength(own))) & 0xffffffffn
      // The source of an IPv4 header that stands where a transport header would.
      return `@th,96,32 & ${hex(mask)} == ${hex(addressNumber(prefixAddress(own)))} accept`
    })
  return [[FROM_NODE, [...inside.sort(), spoofed]]]
}

const hex = (number: bigint): string => `0x${number.toString(16).padStart(8, '0')}`
