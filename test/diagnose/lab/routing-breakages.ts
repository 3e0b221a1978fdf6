import {readFileSync, writeFileSync} from 'node:fs'
import type {Breakage} from './breakage.ts'

const YAML = '/run/isthmus-lab/a1/gateway.yaml'
let well = ''

/** gateway.yaml of a1 with another text in one place; the daemon takes it within two seconds. */
const configured = (code: Breakage['code'], from: RegExp, to: string): Breakage => ({
  code,
  broken: async () => {
    well = readFileSync(YAML, 'utf8')
    const text = well.replace(from, to)
    if (text === well) throw new Error(`${from} is not in ${well}`)
    writeFileSync(YAML, text)
  },
  repaired: async () => writeFileSync(YAML, well),
})

/** In FRR, the router of a1. */
const frr = (...lines: string[]): string =>
  [
    'vtysh --vty_socket /run/isthmus-lab/r1 -d bgpd',
    ...['conf t', 'router bgp 64900', ...lines].map((line) => `-c '${line}'`),
  ].join(' ')

/** In the router; a session that stands would not notice for minutes, so it is begun anew. */
const filtered = (...rules: string[]): string => `nft -f - <<'END'
table inet broken {
  chain i {
    type filter hook input priority -10;
    ${rules.map((rule) => `iifname "to-a1" ${rule}`).join('\n    ')}
  }
  chain o {
    type filter hook output priority -10;
    oifname "to-a1" tcp dport 179 drop
  }
}
END
birdc -s /run/isthmus-lab/a1/bird.ctl restart '"wan_*"'`
const MENDED = 'nft delete table inet broken'

export const ROUTING_BREAKAGES: readonly Breakage[] = [
  {
    code: 'bird-unreachable',
    broken: (world) => world.signal('a/a1', 'bird', 'SIGKILL'),
    repaired: (world) => world.start('a/a1', 'bird'),
  },
  {
    code: 'session-as-mismatch',
    in: 'r1',
    broken: frr('neighbor 198.18.0.0 remote-as 4200000099'),
    repaired: frr('neighbor 198.18.0.0 remote-as 4200000001'),
  },
  {
    code: 'session-password',
    in: 'r1',
    broken: frr('neighbor 198.18.0.0 password secret'),
    repaired: frr('no neighbor 198.18.0.0 password'),
  },
  configured('session-ttl', /^( +)- name: r1$/m, '$&\n$1  ttlSecurity: true'),
  {
    code: 'session-refused',
    in: 'r1',
    broken: filtered('tcp dport 179 reject with tcp reset', 'tcp sport 179 drop'),
    repaired: MENDED,
  },
  {
    code: 'session-no-route',
    in: 'r1',
    broken: filtered('tcp dport 179 reject with icmp type host-unreachable', 'tcp sport 179 drop'),
    repaired: MENDED,
  },
  {
    code: 'session-silent',
    in: 'r1',
    broken: filtered('tcp dport 179 drop', 'tcp sport 179 drop'),
    repaired: MENDED,
  },
  {
    code: 'session-bfd',
    in: 'b1',
    broken: `nft -f - <<'END'
table inet broken {
  chain i {
    type filter hook input priority -10;
    iifname "is-a-*" udp dport 3784 drop
  }
}
END`,
    repaired: MENDED,
  },
  {
    code: 'session-down',
    in: 'r1',
    broken: frr('neighbor 198.18.0.0 shutdown'),
    repaired: frr('no neighbor 198.18.0.0 shutdown'),
  },
  configured('filter-passes-nothing', /^( +)import:\n(?: +- .*\n)+/m, '$1import:\n$1  - 203.0.113.0/24\n'),
  configured('announces-nothing', /^( +)export:\n(?: +- .*\n)+/m, '$1export:\n$1  - 203.0.113.0/24\n'),
  {
    code: 'prefix-without-route',
    name: 'the node of site b tells its blocks no longer',
    broken: 'birdc -s /run/isthmus-lab/nb1/bird.ctl disable to_gateway1',
    repaired: 'birdc -s /run/isthmus-lab/nb1/bird.ctl enable to_gateway1',
  },
  {
    code: 'prefix-routed-elsewhere',
    broken: 'ip route add 10.2.9.0/24 dev lan0',
    repaired: 'ip route del 10.2.9.0/24 dev lan0',
  },
  {
    code: 'rule-foreign',
    broken: 'ip rule add priority 100 from 10.99.0.0/16 lookup 100',
    repaired: 'ip rule del priority 100',
  },
]
