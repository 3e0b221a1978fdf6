/**
 * What Felix and calico/node's BIRD do of the datastore, as far as a gateway meets it (calico-model 5.1 to 5.5): the lab has
 * neither of them. The configuration is for BIRD 2, which has no `krt_tunnel` (a patch of Calico's BIRD 1.6): what that
 * sends through tunl0 finds its next hops in a table in which the gateway is at tunl0's far end. Pure.
 */
export interface CalicoNodeSketch {
  readonly address: string
  readonly as: number
  readonly blocks: readonly string[]
  /** Who programs routes of IPIP pools: Felix of blocks and Nodes (from v3.33), or BIRD of what it hears. */
  readonly routes: 'felix' | 'bird'
  readonly pools: readonly Pool[]
  readonly peers: readonly {readonly address: string; readonly as: number; readonly isClient?: boolean}[]
  /** Of a route reflector. */
  readonly clusterId?: string
  /** A BGPFilter for other ASes: `{source: RemotePeers, action: Reject}`. */
  readonly keepsToItself?: boolean
}

export interface Pool {
  readonly cidr: string
  readonly ipipMode: string
  readonly disableBGPExport: boolean
}

type Records = Iterable<readonly [key: string, text: string]>

const NODES = '/calico/resources/v3/projectcalico.org/nodes/'
const POOLS = '/calico/resources/v3/projectcalico.org/ippools/'
const BLOCKS = '/calico/ipam/v2/assignment/ipv4/block/'

export function poolsOf(records: Records): Pool[] {
  return [...records].flatMap(([key, text]) => (key.startsWith(POOLS) ? [JSON.parse(text).spec as Pool] : []))
}

const nodeAddressesOf = (records: Records): Map<string, string> =>
  new Map(
    [...records].flatMap(([key, text]): [string, string][] => {
      const address: string | undefined = key.startsWith(NODES) ? JSON.parse(text).spec?.bgp?.ipv4Address : undefined
      return address === undefined ? [] : [[key.slice(NODES.length), address.split('/')[0]!]]
    }),
  )

/** Felix' all-hosts set: whom a node takes IPIP from. */
export const allHosts = (records: Records): string[] => [...nodeAddressesOf(records).values()].sort()

/** Felix' routes through tunl0: every block in an IPIP pool whose affinity is another Node, to that Node's address. */
export function felixRoutes(records: Records, own: string): string[] {
  const nodes = nodeAddressesOf(records)
  const tunnelled = poolsOf(records).filter(({ipipMode}) => ipipMode === 'Always')
  return [...records]
    .flatMap(([key, text]) => {
      if (!key.startsWith(BLOCKS)) return []
      const {cidr, affinity, deleted} = JSON.parse(text) as {cidr: string; affinity: string | null; deleted: boolean}
      const node = affinity?.replace(/^host:/, '') ?? ''
      const address = nodes.get(node)
      const isTunnelled = tunnelled.some((pool) => contains(pool.cidr, cidr))
      return deleted || node === own || address === undefined || !isTunnelled
        ? []
        : [`${cidr} via ${address} dev tunl0 onlink`]
    })
    .sort()
}

function contains(outer: string, inner: string): boolean {
  const [[from, length], [at, innerLength]] = [outer, inner].map((cidr) => {
    const [address, bits] = cidr.split('/')
    return [address!.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0), Number(bits)] as const
  }) as [readonly [number, number], readonly [number, number]]
  const size = 2 ** (32 - length)
  return innerLength >= length && Math.floor(from / size) === Math.floor(at / size)
}

const TIMERS = 'connect delay time 1; connect retry time 1; error wait time 1, 1;'

export function calicoBird(node: CalicoNodeSketch): string {
  const {address, as, blocks, pools, routes, peers, clusterId} = node
  const tunnelled = pools.filter(({ipipMode}) => ipipMode === 'Always')
  const isThrough = routes === 'bird' && tunnelled.length > 0
  const sessions = peers.map(
    (peer, index) => `protocol bgp peer${index + 1} {
  local ${address} as ${as}; neighbor ${peer.address} as ${peer.as}; multihop; graceful restart; ${TIMERS}
  ${peer.isClient ? `rr client; rr cluster id ${clusterId};` : ''}
  ipv4 {
    ${isThrough ? 'igp table tunnelled;' : ''}
    ${peer.as === as ? '' : 'next hop self;'}
    import all;
    export filter {
      ${peer.as !== as && node.keepsToItself ? 'if source = RTS_BGP then reject;' : ''}
      ${pools.flatMap(({cidr, disableBGPExport}) => (disableBGPExport ? `if net ~ ${cidr} then reject;` : [])).join(' ')}
      bgp_local_pref = 2147482623;
      if proto = "blocks" then accept;
      ${blocks.map((block) => `if net ~ ${block} then reject;`).join(' ')}
      ${pools.map(({cidr}) => `if net ~ ${cidr} then accept;`).join(' ')}
      reject;
    };
  };
}`,
  )
  return `router id ${address};
protocol device { scan time 1; }
protocol direct { ipv4; interface -"cali*", -"tunl0", "*"; }
${
  isThrough
    ? `ipv4 table tunnelled;
protocol static far { ipv4 { table tunnelled; }; ${peers.map((peer) => `route ${peer.address}/32 via ${peer.address}%'tunl0' onlink;`).join(' ')} }`
    : ''
}
protocol static blocks { ipv4; ${blocks.map((block) => `route ${block} blackhole;`).join(' ')} }
protocol kernel {
  persist; graceful restart;
  ipv4 { export filter {
    if proto = "blocks" then accept;
    if source != RTS_BGP then reject;
    ${routes === 'felix' ? tunnelled.map(({cidr}) => `if net ~ ${cidr} then reject;`).join(' ') : ''}
    accept;
  }; };
}
${sessions.join('\n')}
`
}
