/** The network of test/appliance/package.long.ts, in shell: gateways `a` and `b`, their etcds, a host behind each. */
export const gatewayYaml = (own: 'a' | 'b', paths: string) => {
  const [mine, other, at] = own === 'a' ? [1, 2, 0] : [2, 1, 2]
  return `version: 1
site: ${own}
gateway: ${own}1
as: 420000000${mine}
interconnect: [100.64.0.0/16]
default: allow
uplinks: [{name: wan, address: 192.0.2.${mine}, inner: [100.64.0.${at}, 100.64.0.${at + 1}]}]
owns: [10.${mine}.0.0/16]
datastores: [{name: main, kind: isthmus, endpoints: ['http://192.0.2.${mine}:2379'], insecure: true, export: {}}]
sites:
  ${own === 'a' ? 'b' : 'a'}:
    owns: [10.${other}.0.0/16]
    endpoints: ['http://192.0.2.${other}:2379']
    insecure: true
    encapsulation: vxlan
authorities: [a]
static: [{prefix: 10.${mine}.0.0/24, via: 10.${mine}.0.2}]
lab: true
${paths}`
}

export const NETWORK = `ip link set lo up
for place in near far wan; do ip netns add $place; ip -n $place link set lo up; done
ip link add wan0 type veth peer name wan0 netns wan
ip link add lan0 type veth peer name eth0 netns near
ip -n wan link add lan0 type veth peer name eth0 netns far
ip addr add 192.0.2.1/24 dev wan0; ip -n wan addr add 192.0.2.2/24 dev wan0
ip addr add 10.1.0.1/24 dev lan0; ip -n wan addr add 10.2.0.1/24 dev lan0
ip link set wan0 up; ip link set lan0 up; ip -n wan link set wan0 up; ip -n wan link set lan0 up
ip -n near addr add 10.1.0.2/24 dev eth0; ip -n near link set eth0 up; ip -n near route add default via 10.1.0.1
ip -n far addr add 10.2.0.2/24 dev eth0; ip -n far link set eth0 up; ip -n far route add default via 10.2.0.1
mkdir -p /tmp/b
etcd() { systemd-run -q --unit=etcd-$1 $2 etcd --data-dir /tmp/etcd-$1 --listen-client-urls http://192.0.2.$3:2379 --advertise-client-urls http://192.0.2.$3:2379 --listen-peer-urls http://127.0.0.1:2380; }
etcd a '' 1
etcd b 'ip netns exec wan' 2
`
export const OTHER_GATEWAY = `echo 'router id 192.0.2.2; protocol device {}' >/tmp/b/bird.conf
cp /usr/lib/isthmus/node /tmp/b/node; cp -r /usr/lib/isthmus/native /usr/lib/isthmus/*.mjs /tmp/b/
systemd-run -q --unit=bird-b ip netns exec wan bird -f -c /tmp/b/bird.conf -s /tmp/b/bird.ctl
systemd-run -q --unit=gateway-b ip netns exec wan /tmp/b/node /tmp/b/isthmusd.mjs run --config /tmp/b/gateway.yaml
`
export const B_PATHS =
  'paths: {state: /tmp/b/state, run: /tmp/b/run, birdConfig: /tmp/b/bird.conf, birdSocket: /tmp/b/bird.ctl}\n'

/** State of the gateway and BIRD's file on a small disk of their own, as on a /var that something fills. */
export const SMALL_VAR = `systemctl stop isthmus
mkdir -p /tmp/small; mount -t tmpfs -o size=6m tmpfs /tmp/small
for place in isthmus isthmus-bird; do cp -a /var/lib/$place /tmp/small/; mount --bind /tmp/small/$place /var/lib/$place; done
systemctl start isthmus`
export const USUAL_VAR = `systemctl stop isthmus
for place in isthmus isthmus-bird; do umount /var/lib/$place; cp -a /tmp/small/$place/. /var/lib/$place/; done
systemctl start isthmus`

export const NO_7777 = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: no-7777}
spec:
  tier: default
  order: 1
  selector: isthmus.io/site == 'b'
  types: [Ingress]
  ingress: [{action: Deny, protocol: TCP, destination: {ports: [7777]}}, {action: Allow}]
`
