import type {Breakage} from './breakage.ts'

const YAML = '/run/isthmus-lab/a1/gateway.yaml'

/** Drops in the router between, both ways between a1 and b1. */
const between = (what: string): string => `nft -f - <<'END'
table inet broken {
  chain f {
    type filter hook forward priority -10;
    ip saddr 192.0.2.1 ip daddr 192.0.2.2 ${what} drop
    ip saddr 192.0.2.2 ip daddr 192.0.2.1 ${what} drop
  }
}
END`
const MENDED = 'nft delete table inet broken'

export const UNDERLAY_BREAKAGES: readonly Breakage[] = [
  {code: 'uplink-down', broken: 'ip link set wan0 down', repaired: 'ip link set wan0 up'},
  {
    code: 'underlay-no-route',
    broken: 'ip route add unreachable 192.0.2.2/32 metric 1',
    repaired: 'ip route del unreachable 192.0.2.2/32 metric 1',
  },
  {
    code: 'underlay-other-device',
    broken: 'ip route add 192.0.2.2/32 dev lan0 metric 1',
    repaired: 'ip route del 192.0.2.2/32 dev lan0 metric 1',
  },
  {code: 'underlay-silent', in: 'r1', broken: between(''), repaired: MENDED},
  {code: 'tunnel-blocked', in: 'r1', broken: between('udp dport 4789'), repaired: MENDED},
  {
    code: 'nat-in-path',
    in: 'r1',
    broken: `nft -f - <<'END'
table ip broken {
  chain p {
    type nat hook postrouting priority 100;
    ip saddr 192.0.2.2 udp dport 4789 snat to 203.0.113.9
  }
}
END
conntrack -F`,
    repaired: 'nft delete table ip broken; conntrack -F',
  },
  {
    code: 'uplink-behind-nat',
    broken: `cp ${YAML} ${YAML}.well; sed -i 's/^    address: 192.0.2.1$/&\\n    public: 10.99.0.1/' ${YAML}`,
    repaired: `cp ${YAML}.well ${YAML}`,
  },
]
