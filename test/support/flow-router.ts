import {ANSWER, ASKER, NEAR, TUNNEL} from './flow-worlds.ts'
import {createNamespace, type Namespace, shell} from './namespace.ts'

/** The namespace as a router between the two pods of `flow-worlds.ts`, each in a namespace of its own. */
export function makeFlowRouter(): {readonly near: Namespace; readonly far: Namespace} {
  const [near, far] = [createNamespace('near'), createNamespace('far')]
  for (const [device, {name}] of [
    [NEAR, near],
    [TUNNEL, far],
  ] as const) {
    shell(`ip link add ${device} type veth peer name eth0 netns ${name}; ip link set ${device} up`)
  }
  shell(`sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
ip address add 10.1.0.1/24 dev ${NEAR}
ip address add 100.64.0.0 peer 100.64.0.2 dev ${TUNNEL}
ip route add 10.2.0.0/24 via 100.64.0.2`)
  near.run(`ip link set eth0 up; ip address add ${ANSWER}/24 dev eth0; ip route add default via 10.1.0.1`)
  far.run(`ip link set eth0 up; ip address add 100.64.0.2 peer 100.64.0.0 dev eth0
ip address add ${ASKER}/32 dev lo; ip route add default via 100.64.0.0`)
  return {near, far}
}
