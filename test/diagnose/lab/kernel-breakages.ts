import {type Breakage, freeze, make, thaw} from './breakage.ts'

/** Of a setting that the daemon owns. */
const setting = (code: Breakage['code'], name: string, wrong: number, right: number): Breakage => ({
  ...{code, frozen: true},
  broken: `sysctl -qw ${name}=${wrong}`,
  repaired: `sysctl -qw ${name}=${right}`,
})

/** The first tunnel of a1, to b. */
const TUNNEL = "$(ip -o link | grep -o 'is-b-[0-9a-f]*' | head -1)"

export const KERNEL_BREAKAGES: readonly Breakage[] = [
  {
    code: 'module-missing',
    name: 'a kernel that has no vxlan, by what it lists',
    seenAs: `mount -t tmpfs none /lib/modules; mkdir /lib/modules/$(uname -r); cd /lib/modules/$(uname -r); touch modules.dep
printf 'kernel/net/nf_tables.ko\\nkernel/net/nf_conntrack.ko\\n' > modules.builtin; cd - > /dev/null
mount -t tmpfs none /sys/module; t=$(mktemp); mount --bind $t /proc/modules 2>/dev/null || true`,
  },
  setting('forwarding-off', 'net.ipv4.ip_forward', 0, 1),
  setting('forwarding6-off', 'net.ipv6.conf.all.forwarding', 0, 1),
  setting('rp-filter-on', 'net.ipv4.conf.all.rp_filter', 1, 0),
  setting('redirects-sent', 'net.ipv4.conf.all.send_redirects', 1, 0),
  setting('conntrack-loose', 'net.netfilter.nf_conntrack_tcp_loose', 1, 0),
  setting('multipath-by-host', 'net.ipv4.fib_multipath_hash_policy', 0, 1),
  {
    code: 'rp-filter-uplink',
    broken: 'sysctl -qw net.ipv4.conf.wan0.rp_filter=1',
    repaired: 'sysctl -qw net.ipv4.conf.wan0.rp_filter=0',
  },
  {
    code: 'conntrack-nearly-full',
    name: 'the limit is the whole machine’s: it is shown otherwise',
    seenAs: 't=$(mktemp); echo 3 > $t; mount --bind $t /proc/sys/net/netfilter/nf_conntrack_max',
  },
  {
    code: 'neighbours-nearly-full',
    broken: `for n in $(seq 0 999); do echo "neigh add 10.99.$((n / 250)).$((n % 250)) lladdr 02:00:00:00:00:01 nud permanent dev lan0"; done | ip -batch -`,
    repaired: 'ip neigh flush to 10.99.0.0/16 nud permanent dev lan0',
  },
  {
    code: 'tunnel-device-missing',
    name: 'somebody else has a device of its name',
    broken: async (world) => {
      // Else it is the daemon that is quicker.
      await freeze(world)
      await make(world, `d=${TUNNEL}; ip link del $d; ip link add $d type bridge`, undefined)
      await thaw(world)
    },
    repaired: `ip link del ${TUNNEL}`,
  },
  {
    code: 'tunnel-device-down',
    frozen: true,
    broken: `ip link set ${TUNNEL} down`,
    repaired: `ip link set ${TUNNEL} up`,
  },
  {
    code: 'tunnel-mtu-too-large',
    // Not by a smaller uplink: what is lost then is a lower path MTU for minutes.
    frozen: true,
    broken: `ip link set ${TUNNEL} mtu 1480`,
    repaired: `ip link set ${TUNNEL} mtu 1450`,
  },
  {code: 'device-leftover', broken: 'ip link add is-old type bridge', repaired: 'ip link del is-old'},
  {
    code: 'inner-address-taken',
    broken: 'ip addr add 100.64.0.99/32 dev lan0',
    repaired: 'ip addr del 100.64.0.99/32 dev lan0',
  },
]
