import type {GatewayConfig, PeerName} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {configOf, type Sketch, uplinksOf} from './interconnect.ts'
import {BFD, plain, wanPeer} from './wan-peer.ts'

/**
 * Three sites on real BIRDs around one router of the WAN:
 *
 *     node ── a ══ vxlan ══ b         a–c over two tunnels, c has two uplinks
 *             ║             ┆         b–c without tunnel, by the WAN
 *             ╚═══ 2× ═════ c
 *
 * b also announces 10.66.1.0/24, which nobody grants it.
 */
export const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
    {name: 'c', number: 3, uplinks: ['wan', 'lte']},
  ],
  pairs: {'a b': 'vxlan', 'a c': 'vxlan', 'b c': 'none'},
}

/** The router's own address on the link to an uplink. */
export const routerAddress = (uplink: string): Address => uplink.replace('192.0.2.', '198.51.100.') as Address

export function gatewayConfig(name: string): GatewayConfig {
  const site = SKETCH.sites.find((entry) => entry.name === name)!
  const lists = {import: plain('192.0.2.0/24'), export: plain('192.0.2.0/24')}
  const base = configOf(SKETCH, name)
  const statics: Record<string, string[]> = {a: [], b: ['10.2.5.0/24', '10.66.1.0/24'], c: ['10.3.5.0/24']}
  return {
    ...base,
    owns: [...base.owns, ...(name === 'b' ? ['10.66.0.0/16' as Prefix] : [])],
    peers: uplinksOf(site).map((uplink) =>
      wanPeer({
        ...lists,
        name: `r-${uplink.name}` as PeerName,
        address: routerAddress(uplink.address),
        bfd: BFD,
        uplink: uplink.name,
      }),
    ),
    nodes: name === 'a' ? {session: 'ibgp', localAs: 64512, nextHop: null} : null,
    static: statics[name]!.map((prefix) => ({prefix: prefix as Prefix, via: '192.168.9.7' as Address, labels: {}})),
  }
}

export const ROUTER_CONFIG = `
router id 198.51.100.1;
protocol device {}
protocol direct { ipv4; }
protocol bfd {}
protocol kernel { ipv4 { export where source = RTS_BGP; }; }
template bgp site {
  local as 64900; connect delay time 1; connect retry time 1; error wait time 1, 1; bfd on; graceful restart on;
  ipv4 { import all; export all; next hop self; };
}
${SKETCH.sites
  .flatMap((site) => uplinksOf(site).map(({address}) => ({address, as: 4200000000 + site.number})))
  .map(({address, as}, index) => `protocol bgp g${index} from site { neighbor ${address} as ${as}; }`)
  .join('\n')}
`

/** A Calico node as the gateway sees it: one block, the local preference that Calico sends, and two claims too many. */
export const NODE_CONFIG = `
router id 192.168.1.1;
protocol device {}
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source = RTS_BGP; }; }
protocol static blocks {
  ipv4;
  route 10.1.7.0/26 blackhole; route 10.9.0.0/24 blackhole; route 10.2.9.0/24 blackhole;
}
protocol bgp isthmus {
  local 192.168.1.1 as 64512; neighbor 192.168.1.254 as 64512; multihop;
  connect delay time 1; connect retry time 1; error wait time 1, 1; graceful restart on;
  ipv4 { import all; export filter { if proto != "blocks" then reject; bgp_local_pref = 2147482623; accept; }; };
}
`
