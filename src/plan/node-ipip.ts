import {type GatewayConfig, type IpipLink, NODE_DEVICE, type World} from '../model/index.ts'
import {type Address, addressNumber, familyOf, prefixAddress, prefixFamily, prefixLength} from '../net/index.ts'

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
 * outer packet: behind the device it would be a neighbour's like any other, and might be on a way that needs no look.
 */
export function nodeAdmission(config: Pick<GatewayConfig, 'nodes'>): string[] {
  const ends = nodeLinks(config).map(({local}) => local)
  return ends.length === 0
    ? []
    : [`meta l4proto 4 ip daddr { ${ends.sort().join(', ')} } ip saddr @${NODE_SET} goto ${FROM_NODE}`]
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
