import {parseGatewayConfig} from '../../../src/config/index.ts'
import type {Facts, Seen} from '../../../src/diagnose/index.ts'

export const seen = <T>(value: T): Seen<T> => ({ok: true, value})
export const unseen = {ok: false, why: 'no nft'} as const

const CONFIG = `version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks: [{name: wan, address: 192.0.2.1, device: eth0, inner: [100.64.0.0, 100.64.0.1]}]
owns: [10.1.0.0/16]
datastores: [{name: main, kind: calico, endpoints: ["http://127.0.0.1:2379"], insecure: true, export: {}}]
sites: {b: {owns: [10.2.0.0/16], endpoints: ["http://192.0.2.2:2379"], insecure: true, encapsulation: ipip}}
authorities: [a]
nodes: {session: ibgp, localAs: 64512}
`

export const config = (change: (text: string) => string = (text) => text): Facts['config'] => {
  const parsed = parseGatewayConfig(change(CONFIG), 'test')
  if (!parsed.config) throw new Error(JSON.stringify(parsed.findings))
  return parsed.config
}

const process = {pid: 7, capabilities: 0x1ffffffffffn, openFiles: 40, mostOpenFiles: 65_536}
const disk = {freeBytes: 1 << 30, totalBytes: 2 ** 31, freeInodes: 1000, totalInodes: 2000, refusesWrites: null}

export const link = {
  ...{
    name: 'is-b-1',
    kind: 'ipip',
    alias: 'isthmus a/a1/wan b/b1/wan slot 0',
    up: true,
    operstate: 'UNKNOWN',
    mtu: 1480,
  },
  ...{outerLocal: '192.0.2.1', outerRemote: '192.0.2.2', receivedPackets: 10, sentPackets: 10},
}
const eth0 = {
  ...{name: 'eth0', kind: null, alias: '', up: true, operstate: 'UP', mtu: 1500, outerLocal: null, outerRemote: null},
  ...{receivedPackets: 1, sentPackets: 1},
}
export const tunnel = {name: 'wan b/b1/wan 0', site: 'b', device: 'is-b-1', encapsulation: 'ipip', up: true}
export const way = {
  ...{device: 'is-b-1', site: 'b', local: '192.0.2.1', remote: '192.0.2.2'},
  ...{way: seen('eth0'), answers: seen(true)},
}
export const session = {
  ...{name: 'wan_r1', kind: 'wan', neighbor: '198.18.0.1', as: 64900, state: 'Established', up: true},
  ...{imported: 5, filtered: 1, exported: 1, lastError: null as string | null},
}
export const BFD = {neighbor: '100.64.0.2', state: 'Up', up: true}
export const says = {
  ...{ready: true, waitingFor: null, tunnels: [tunnel], findings: []},
  drops: [{reason: 'invalid', packets: 3}],
  sites: [
    {name: 'a', local: true, prefixes: ['10.1.0.0/16']},
    {name: 'b', local: false, prefixes: ['10.2.0.0/16']},
  ],
}
export const route = {prefix: '10.2.0.0/26', devices: ['is-b-1'], protocol: 'bird', refuses: false}
export const pools = [
  {name: 'own', cidr: '10.1.0.0/16', natOutgoing: true, disableBGPExport: false, disabled: false},
  {name: 'b', cidr: '10.2.0.0/16', natOutgoing: false, disableBGPExport: false, disabled: true},
]

/** Every part looked at, and nothing wrong. */
export const HEALTHY: Facts = {
  ...{nowMs: 0, config: config(), configText: seen('x'), configInForce: seen('x'), watchedSeconds: 1},
  ...{gateway: seen(says), gatewayLater: seen({drops: says.drops})},
  machine: {
    ...{daemon: seen(process), bird: seen(process)},
    memory: seen({availableBytes: 2 ** 30, totalBytes: 2 ** 31}),
    disks: [{path: '/var/lib/isthmus', what: 'state', seen: seen(disk)}],
    files: [
      {path: '/etc/isthmus/gateway.yaml', kind: 'config', seen: seen({mode: 0o100644})},
      {path: '/run/isthmus/api.sock', kind: 'api-socket', seen: seen({mode: 0o140660})},
      {path: '/run/bird/bird.ctl', kind: 'bird-socket', seen: {ok: false, why: 'not there'}},
      {path: '/var/lib/isthmus/keys', kind: 'state', seen: seen({mode: 0o40700})},
    ],
    programs: new Map([['fping', '/usr/bin/fping']]),
  },
  kernel: {
    sysctls: new Map([
      ['net/ipv4/ip_forward', '1'],
      ['net/ipv6/conf/all/forwarding', '1'],
      ['net/ipv4/conf/all/rp_filter', '0'],
      ['net/ipv4/conf/all/send_redirects', '0'],
      ['net/ipv4/fib_multipath_hash_policy', '1'],
      ['net/netfilter/nf_conntrack_tcp_loose', '0'],
      ['net/ipv4/conf/eth0/rp_filter', '2'],
    ]),
    modules: seen(new Map([['ipip', true]])),
    conntrack: seen({entries: 10, limit: 1000}),
  },
  ...{links: seen([eth0, link]), linksLater: seen([eth0, link])},
  addresses: seen([
    {device: 'lo', address: '192.0.2.1'},
    {device: 'is-b-1', address: '100.64.0.0'},
  ]),
  routes: seen([{...route, prefix: '10.2.0.0/16', devices: [], refuses: true}, route]),
  rules: seen([{priority: 0, text: '0: src all local', table: 'local'}]),
  ...{
    neighbours: seen({entries: 12, limit: 1024}),
    underlay: seen([way]),
    router: seen({sessions: [session], bfd: [BFD]}),
  },
  tcp: seen({passwordFaults: 0, ttlFaults: 0}),
  tables: seen([{family: 'inet', name: 'isthmus', chains: []}]),
  clocks: seen([{source: 'export b', seen: seen(0.4)}]),
  health: seen([]),
  calico: seen([{datastore: 'main', pools, as: null, ready: true}]),
  twin: {ok: false, why: 'there is none'},
}
