import {shell} from './namespace.ts'

export const ROUTER_MAC = '02:00:00:00:00:02'
const SINK_MAC = '02:00:00:00:00:03'

/**
 * Makes the namespace sender, router and sink at once: frames for `ROUTER_MAC` that leave by `near` come in by `left`, and what
 * is forwarded leaves by `right`. Routed are the sites' addresses of the tests of policy, of both families.
 */
export function makeLoopRouter(): void {
  shell(`sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 \\
      net.ipv4.conf.default.rp_filter=0
    for ends in near:left right:sink; do
      ip link add \${ends%:*} type veth peer name \${ends#*:}
      ip link set \${ends%:*} up
      ip link set \${ends#*:} up
    done
    ip link set left address ${ROUTER_MAC}
    ip address add 198.51.100.1/30 dev right
    ip address add fd99::1/64 dev right nodad
    ip neighbour add 198.51.100.2 lladdr ${SINK_MAC} dev right nud permanent
    ip neighbour add fd99::2 lladdr ${SINK_MAC} dev right nud permanent
    for net in 10.0.0.0/8 192.0.2.0/24; do ip route add $net via 198.51.100.2; done
    for net in fd00::/8 2001:db8::/32; do ip -6 route add $net via fd99::2; done`)
}
