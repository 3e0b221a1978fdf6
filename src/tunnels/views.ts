import type {LinkSpec} from '../model/index.ts'
import type {PlannedTunnels} from './plan.ts'

/** The plan as the iproute2 and wg commands that would make it by hand: for people, never executed. */
export function renderTunnelCommands(plan: PlannedTunnels): string {
  const ports = plan.fouPorts.map(
    ({local, port, protocol}) => `ip fou add port ${port} ipproto ${protocol} local ${local}`,
  )
  const lines = plan.links.flatMap((link) => [
    `ip link add ${link.name} mtu ${link.mtu} type ${linkType(link)}`,
    `ip link set ${link.name} alias '${link.alias}' up`,
    ...plan.addresses
      .filter(({device}) => device === link.name)
      .map(({local, peer, device}) => `ip addr add ${local}/${hostLength(local)} peer ${peer} dev ${device}`),
    ...plan.wireguard
      .filter(({device}) => device === link.name)
      .map(({device, keyFile, listenPort, peer}) => {
        const endpoint = peer.endpoint ? ` endpoint ${bracketed(peer.endpoint.address)}:${peer.endpoint.port}` : ''
        const rest = `allowed-ips ${peer.allowedIps.join(',')} persistent-keepalive ${peer.keepaliveSeconds}`
        return `wg set ${device} listen-port ${listenPort} private-key ${keyFile} peer ${peer.publicKey}${endpoint} ${rest}`
      }),
  ])
  return [...ports, ...lines].map((line) => `${line}\n`).join('')
}

function linkType(link: LinkSpec): string {
  switch (link.kind) {
    case 'ipip':
      return `ipip local ${link.local} remote ${link.remote} ttl ${link.ttl}${encapOf(link)}`
    case 'sit':
      return `sit mode ip6ip local ${link.local} remote ${link.remote} ttl ${link.ttl}${encapOf(link)}`
    case 'ip6tnl':
      return `ip6tnl mode any local ${link.local} remote ${link.remote} hoplimit ${link.ttl} encaplimit none`
    case 'vxlan':
      return `vxlan id ${link.vni} local ${link.local} remote ${link.remote} ttl ${link.ttl} dstport ${link.port} nolearning df set`
    case 'wireguard':
      return 'wireguard'
  }
}

const encapOf = ({fou}: {readonly fou?: number}): string =>
  fou === undefined ? '' : ` encap fou encap-sport auto encap-dport ${fou}`

const hostLength = (address: string): number => (address.includes(':') ? 128 : 32)

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address)

/** The plan as a graph in DOT: this gateway in the middle, an edge a tunnel. */
export function renderTunnelGraph(gateway: string, plan: PlannedTunnels): string {
  const nodes = [...new Set(plan.tunnels.map(({site, gateway}) => `${site}/${gateway}`))].sort()
  const edges = plan.tunnels.map((tunnel) => {
    const label = `${tunnel.encapsulation}\\n${tunnel.device}\\n${tunnel.local} – ${tunnel.peer}`
    return `  "${gateway}" -- "${tunnel.site}/${tunnel.gateway}" [label="${label}"]\n`
  })
  return `graph isthmus {\n  "${gateway}" [shape=box]\n${nodes.map((node) => `  "${node}"\n`).join('')}${edges.join('')}}\n`
}
