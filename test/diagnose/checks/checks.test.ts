import assert from 'node:assert/strict'
import {
  CHECKS,
  causesOf,
  type Facts,
  judgeFacts,
  neededModules,
  relayFindings,
  withCauses,
} from '../../../src/diagnose/index.ts'
import type {Finding, FindingCode} from '../../../src/model/index.ts'
import {BFD, config, HEALTHY, link, pools, route, says, seen, session, tunnel, unseen, way} from './healthy.ts'

const codesOf = (facts: Facts): string[] => judgeFacts(facts).flatMap(({findings}) => findings.map(({code}) => code))

const machine = (change: Partial<Facts['machine']>): Partial<Facts> => ({machine: {...HEALTHY.machine, ...change}})
const sysctl = (path: string, value: string): Partial<Facts> => ({
  kernel: {...HEALTHY.kernel, sysctls: new Map([...HEALTHY.kernel.sysctls, [path, value]])},
})
const kernel = (change: Partial<Facts['kernel']>): Partial<Facts> => ({kernel: {...HEALTHY.kernel, ...change}})
const disk = (change: object): Partial<Facts> => {
  const [first] = HEALTHY.machine.disks
  if (!first?.seen.ok) throw new Error('no disk')
  return machine({disks: [{...first, seen: seen({...first.seen.value, ...change})}]})
}
const mode = (path: string, bits: number): Partial<Facts> =>
  machine({
    files: HEALTHY.machine.files.map((file) => (file.path === path ? {...file, seen: seen({mode: bits})} : file)),
  })
const aProcess = (change: object): Facts['machine']['daemon'] =>
  HEALTHY.machine.daemon.ok ? seen({...HEALTHY.machine.daemon.value, ...change}) : HEALTHY.machine.daemon
const links = (...changes: object[]): Partial<Facts> =>
  HEALTHY.links.ok ? {links: seen([...HEALTHY.links.value.map((one, index) => ({...one, ...changes[index]}))])} : {}
const down = (change: object): Partial<Facts> => ({
  router: seen({bfd: [], sessions: [{...session, state: 'Active', up: false, imported: 0, exported: 0, ...change}]}),
})
const tunnelDown = seen({...says, tunnels: [{...tunnel, up: false}]})
const chain = (hook: string, type: string, policy: string | null, ...rules: object[]): Partial<Facts> => ({
  tables: seen([
    {family: 'inet', name: 'isthmus', chains: []},
    {
      ...{family: 'ip', name: 'filter'},
      chains: [{name: 'C', hook, type, policy, rules: rules as never}],
    },
  ]),
})
const match = (field: string, ...values: string[]) => ({field, operator: '==', values})
const calico = (change: object): Partial<Facts> => ({
  calico: seen([{datastore: 'main', pools, as: null, ready: true, ...change}]),
})
const later = (reason: string, packets: number): Partial<Facts> => ({
  gatewayLater: seen({drops: [...says.drops.filter((drop) => drop.reason !== reason), {reason, packets}]}),
})
const twins = config((text) =>
  text
    .replace('gateway: a1', 'gateway: a1\ntwin: a2\nlan: {device: lan0, address: 192.168.1.1, twin: 192.168.1.2}')
    .replace('localAs: 64512', 'localAs: 64512, nextHop: 192.168.1.201'),
)
/** Its own outer address is left open: `ip` says so by a word. */
const trial = {...link, name: 'is-b-2', alias: link.alias.replace('slot 0', 'slot 1'), outerLocal: 'any'}
const virtual = {address: '192.168.1.201', here: false, answers: seen(true)}

/** One fact is another than in health; `null`: nothing is wrong for it. */
const cases: readonly (readonly [name: string, code: FindingCode | null, change: Partial<Facts>])[] = [
  ['nobody answers', 'gateway-unreachable', {gateway: unseen, gatewayLater: unseen}],
  ['the daemon lacks NET_ADMIN', 'capability-missing', machine({daemon: aProcess({capabilities: 1n << 13n})})],
  ['the daemon has what its unit gives it', null, machine({daemon: aProcess({capabilities: 1n << 12n})})],
  [
    'BIRD lacks NET_ADMIN, the daemon cannot be seen',
    'capability-missing',
    machine({daemon: unseen, bird: aProcess({capabilities: 1n << 13n})}),
  ],
  ['files: nearly all', 'open-files-low', machine({daemon: aProcess({openFiles: 60_000})})],
  ['no fping', 'program-missing', machine({programs: new Map([['fping', null]])})],
  ['memory', 'memory-low', machine({memory: seen({availableBytes: 1 << 20, totalBytes: 2 ** 31})})],
  ['disk', 'disk-nearly-full', disk({freeBytes: 4096})],
  ['a small disk that is mostly empty', null, disk({freeBytes: 8 << 20, totalBytes: 10 << 20})],
  ['a large disk, of which little is needed', null, disk({freeBytes: 64 << 20, totalBytes: 2 ** 40})],
  ['inodes', 'inodes-low', disk({freeInodes: 3})],
  ['a file system without inodes', null, disk({freeInodes: 0, totalInodes: 0})],
  ['read-only', 'state-not-writable', disk({refusesWrites: 'read-only file system'})],
  ['a clock behind', 'clock-differs', {clocks: seen([{source: 'export b', seen: seen(-3600)}])}],
  [
    'a clock that nobody tells beside one that is right',
    null,
    {
      clocks: seen([
        {source: 'export b', seen: unseen},
        {source: 'export c', seen: seen(1)},
      ]),
    },
  ],
  ['gateway.yaml for the group to write', 'config-writable-by-others', mode('/etc/isthmus/gateway.yaml', 0o100664)],
  ['another file', 'config-not-in-force', {configText: seen('y')}],
  [
    'another file, and the gateway says why',
    null,
    {
      configText: seen('y'),
      gateway: seen({
        ...says,
        findings: [{code: 'config-invalid', severity: 'error', where: {source: 'config'}, detail: ''}],
      }),
    },
  ],
  ['a socket for all', 'socket-open', mode('/run/isthmus/api.sock', 0o140666)],
  ['a folder of keys for all', 'state-open', mode('/var/lib/isthmus/keys', 0o40755)],
  ['no ipip', 'module-missing', kernel({modules: seen(new Map([['ipip', false]]))})],
  ['no forwarding', 'forwarding-off', sysctl('net/ipv4/ip_forward', '0')],
  ['no forwarding of IPv6', 'forwarding6-off', sysctl('net/ipv6/conf/all/forwarding', '0')],
  ['rp_filter', 'rp-filter-on', sysctl('net/ipv4/conf/all/rp_filter', '1')],
  ['rp_filter of the uplink, strict', 'rp-filter-uplink', sysctl('net/ipv4/conf/eth0/rp_filter', '1')],
  ['redirects', 'redirects-sent', sysctl('net/ipv4/conf/all/send_redirects', '1')],
  ['tcp_loose', 'conntrack-loose', sysctl('net/netfilter/nf_conntrack_tcp_loose', '1')],
  ['hash policy', 'multipath-by-host', sysctl('net/ipv4/fib_multipath_hash_policy', '0')],
  ['conntrack', 'conntrack-nearly-full', kernel({conntrack: seen({entries: 900, limit: 1000})})],
  ['conntrack, half', null, kernel({conntrack: seen({entries: 500, limit: 1000})})],
  ['neighbours', 'neighbours-nearly-full', {neighbours: seen({entries: 1000, limit: 1024})}],
  ['an uplink without a carrier', 'uplink-down', links({operstate: 'DOWN'})],
  ['an uplink set down', 'uplink-down', links({up: false})],
  [
    'no tunnel device',
    'tunnel-device-missing',
    {gateway: seen({...says, tunnels: [tunnel, {...tunnel, device: 'is-c-1'}]})},
  ],
  ['somebody else’s device', 'tunnel-device-missing', links({}, {alias: ''})],
  ['a tunnel device that is down', 'tunnel-device-down', links({}, {up: false})],
  ['a smaller uplink', 'tunnel-mtu-too-large', links({mtu: 1400})],
  [
    'a device that is left',
    'device-leftover',
    HEALTHY.links.ok ? {links: seen([...HEALTHY.links.value, {...link, name: 'is-old'}])} : {},
  ],
  [
    'a device on which the other form of IPIP is tried, beside its tunnel',
    null,
    HEALTHY.links.ok ? {links: seen([...HEALTHY.links.value, trial])} : {},
  ],
  [
    'such a device whose tunnel is gone',
    'device-leftover',
    HEALTHY.links.ok
      ? {links: seen([...HEALTHY.links.value, {...trial, alias: trial.alias.replace('b/b1', 'c/c1')}])}
      : {},
  ],
  ['an inner address elsewhere', 'inner-address-taken', {addresses: seen([{device: 'eth1', address: '100.64.0.7'}])}],
  [
    'no way to the other end',
    'underlay-no-route',
    {underlay: seen([{...way, way: {ok: false, why: 'No route to host'}}])},
  ],
  ['another device', 'underlay-other-device', {underlay: seen([{...way, way: seen('eth1')}])}],
  ['silent, and the tunnel works', null, {underlay: seen([{...way, answers: seen(false)}])}],
  [
    'silent, and it does not',
    'underlay-silent',
    {underlay: seen([{...way, answers: seen(false)}]), gateway: tunnelDown},
  ],
  [
    'sends, and nothing comes back',
    'tunnel-blocked',
    {
      gateway: tunnelDown,
      linksLater: HEALTHY.links.ok ? seen(HEALTHY.links.value.map((one) => ({...one, sentPackets: 40}))) : unseen,
    },
  ],
  [
    'sends, and something comes back',
    null,
    {
      gateway: tunnelDown,
      linksLater: HEALTHY.links.ok
        ? seen(HEALTHY.links.value.map((one) => ({...one, sentPackets: 40, receivedPackets: 11})))
        : unseen,
    },
  ],
  ['tunnel packets of nobody', 'nat-in-path', later('tunnel_unknown', 100)],
  ['a scanner', null, later('tunnel_unknown', 1)],
  [
    'a private address told to public ones',
    'uplink-behind-nat',
    {config: config((text) => text.replace('address: 192.0.2.1,', 'address: 192.0.2.1, public: 10.9.9.9,'))},
  ],
  ['no BIRD', 'bird-unreachable', {router: unseen}],
  ['bad peer AS', 'session-as-mismatch', down({lastError: 'Error: Bad peer AS'})],
  [
    'MD5',
    'session-password',
    {...down({lastError: 'Socket: Connection timed out'}), tcp: seen({passwordFaults: 3, ttlFaults: 0})},
  ],
  ['TTL', 'session-ttl', {...down({}), tcp: seen({passwordFaults: 0, ttlFaults: 3})}],
  ['refused', 'session-refused', down({lastError: 'Socket: Connection refused'})],
  ['no route', 'session-no-route', down({lastError: 'Socket: No route to host'})],
  ['silent', 'session-silent', down({})],
  ['BFD', 'session-bfd', {router: seen({sessions: [session], bfd: [{...BFD, state: 'Init', up: false}]})}],
  ['shut down there', 'session-down', down({lastError: 'Received: Administrative shutdown'})],
  ['MD5 faults of somebody, while all are up', null, {tcp: seen({passwordFaults: 3, ttlFaults: 0})}],
  ['all filtered', 'filter-passes-nothing', {router: seen({bfd: [], sessions: [{...session, imported: 0}]})}],
  [
    'nothing comes, nothing filtered',
    null,
    {router: seen({bfd: [], sessions: [{...session, imported: 0, filtered: 0}]})},
  ],
  ['nothing told', 'announces-nothing', {router: seen({bfd: [], sessions: [{...session, exported: 0}]})}],
  ['no route', 'prefix-without-route', {routes: seen([{...route, devices: [], refuses: true}])}],
  [
    'a default route is none',
    'prefix-without-route',
    {routes: seen([{...route, prefix: 'default', protocol: 'dhcp'}])},
  ],
  [
    'a foreign route',
    'prefix-routed-elsewhere',
    {routes: seen([route, {...route, prefix: '10.2.9.0/24', protocol: 'static'}])},
  ],
  [
    'a foreign rule',
    'rule-foreign',
    {rules: seen([{priority: 100, text: '100: from 10.9.0.0/16 lookup 51', table: '51'}])},
  ],
  [
    'a rule of this gateway',
    null,
    {rules: seen([{priority: 1790, text: '1790: src 192.0.2.1 1790', table: '1790', ours: true}])},
  ],
  ['no table', 'table-missing', {tables: seen([])}],
  [
    'Docker',
    'foreign-forward-drop',
    chain('forward', 'filter', 'drop', {verdict: 'accept', matches: [match('iifname', 'docker0')]}),
  ],
  ['drop that accepts all first', null, chain('forward', 'filter', 'drop', {verdict: 'accept', matches: []})],
  ['reject at the end', 'foreign-forward-drop', chain('forward', 'filter', 'accept', {verdict: 'reject', matches: []})],
  [
    'a firewall without BGP',
    'foreign-input-drop',
    chain('input', 'filter', 'drop', {verdict: 'accept', matches: [match('tcp dport', '22')]}),
  ],
  [
    'a firewall that knows what it is for',
    null,
    chain(
      'input',
      'filter',
      'drop',
      ...['170-180', '3784', '4'].map((port) => ({verdict: 'accept', matches: [match('th dport', port)]})),
    ),
  ],
  [
    'masquerade',
    'foreign-nat',
    chain('postrouting', 'nat', null, {verdict: 'masquerade', matches: [match('oifname', 'eth0')]}),
  ],
  [
    'masquerade of containers',
    null,
    chain('postrouting', 'nat', null, {verdict: 'masquerade', matches: [match('ip saddr', '172.17.0.0/16')]}),
  ],
  [
    'masquerade elsewhere',
    null,
    chain('postrouting', 'nat', null, {verdict: 'masquerade', matches: [match('oifname', 'docker0')]}),
  ],
  ['notrack', 'foreign-notrack', chain('prerouting', 'filter', 'accept', {verdict: 'notrack', matches: []})],
  ['half flows', 'asymmetric-path', later('invalid', 103)],
  ['natOutgoing and no pool', 'calico-pool-snat', calico({pools: pools.slice(0, 1)})],
  ['no pool translates', null, calico({pools: [{...pools[0], natOutgoing: false}]})],
  ['another AS', 'calico-as-mismatch', calico({as: 64999})],
  ['not announced', 'calico-blocks-not-announced', calico({pools: [{...pools[0], disableBGPExport: true}, pools[1]]})],
  ['locked', 'calico-locked', calico({ready: false})],
  [
    'policy in the way',
    'policy-denies-health',
    {
      health: seen([
        {what: 'export b', from: '192.0.2.1', to: '10.2.0.9', port: 2379, verdict: 'deny', by: 'policy p'},
      ]),
    },
  ],
  ['a silent twin', 'twin-silent', {config: twins, twin: seen({twin: 'a2', twinAnswers: seen(false), virtual})}],
  [
    'nobody has the address',
    'virtual-address-nowhere',
    {config: twins, twin: seen({twin: 'a2', twinAnswers: seen(true), virtual: {...virtual, answers: seen(false)}})},
  ],
  [
    'the address is here',
    null,
    {config: twins, twin: seen({twin: 'a2', twinAnswers: seen(true), virtual: {...virtual, here: true}})},
  ],
]

describe('judgeFacts', () => {
  it('finds nothing where all is well, and could look at everything', () => {
    const reports = judgeFacts(HEALTHY)
    assert.deepEqual(
      reports.filter(({findings, unreachable}) => findings.length > 0 || unreachable !== null),
      [],
    )
  })

  for (const [name, code, change] of cases) {
    it(`${code ?? 'nothing'}: ${name}`, () => {
      assert.deepEqual(new Set(codesOf({...HEALTHY, ...change})), new Set(code === null ? [] : [code]))
    })
  }

  it('a tunnel in UDP that is blocked is told by its port, and not sent to where it is', () => {
    const links = HEALTHY.links.ok ? HEALTHY.links.value : []
    const fou = {...tunnel, encapsulation: 'fou', up: false}
    const facts: Facts = {
      ...HEALTHY,
      config: config((text) => `${text.replace('encapsulation: ipip', 'encapsulation: fou')}fou: {port: 5600}\n`),
      gateway: seen({...says, tunnels: [fou]}),
      linksLater: seen(links.map((one) => ({...one, sentPackets: 40}))),
    }
    const [found] = judgeFacts(facts).flatMap(({findings}) => findings)
    assert.equal(found?.code, 'tunnel-blocked')
    assert.match(found.detail, /UDP port 5600 is not let through/)
    assert.match(found.remedy ?? '', /let UDP port 5600 in .*; where that cannot be, encapsulation wireguard\./)
  })

  it('either form of IPIP needs the module of IPIP', () => {
    const auto = config((text) => text.replace('encapsulation: ipip', 'encapsulation: auto'))
    assert.deepEqual(neededModules({config: auto}), ['nf_tables', 'nf_conntrack', 'ipip'])
  })

  it('every check has a case', () => {
    const covered = new Set(cases.map(([, code]) => code))
    assert.deepEqual(
      CHECKS.map(({code}) => code).filter((code) => !covered.has(code)),
      [],
    )
    assert.equal(new Set(CHECKS.map(({code}) => code)).size, CHECKS.length)
    assert.ok(CHECKS.length >= 40, `${CHECKS.length}`)
  })

  it('what could not be looked at is never well', () => {
    const blind: Facts = {
      ...HEALTHY,
      ...{
        config: twins,
        configText: unseen,
        configInForce: unseen,
        gateway: unseen,
        gatewayLater: unseen,
        links: unseen,
      },
      ...{linksLater: unseen, addresses: unseen, routes: unseen, rules: unseen, neighbours: unseen, underlay: unseen},
      ...{router: unseen, tcp: unseen, tables: unseen, clocks: unseen, health: unseen, calico: unseen, twin: unseen},
      machine: {
        ...{daemon: unseen, bird: unseen, memory: unseen, programs: HEALTHY.machine.programs},
        ...{disks: [{path: '/x', what: 'state', seen: unseen}], files: HEALTHY.machine.files},
      },
      kernel: {sysctls: new Map(), modules: unseen, conntrack: unseen},
    }
    const well = judgeFacts(blind).flatMap(({check, unreachable, findings}) =>
      unreachable === null && findings.length === 0 ? [check] : [],
    )
    // These have their facts: files, programs; and of no device no reverse path filter is asked.
    const known = ['program-missing', 'config-writable-by-others', 'socket-open', 'state-open', 'rp-filter-uplink']
    assert.deepEqual(well, known)
  })
})

describe('causes', () => {
  const finding = (code: FindingCode): Finding => ({code, severity: 'error', where: {source: 'x'}, detail: ''})
  const report = (...codes: FindingCode[]) => ({
    ...{check: codes[0]!, evidence: [], unreachable: null},
    findings: codes.map(finding),
  })

  it('are named where they were found too, the causes of causes as well', () => {
    const [below, above] = withCauses([report('uplink-down'), report('prefix-without-route')])
    assert.equal(below?.mayFollowFrom, undefined)
    assert.deepEqual(above?.mayFollowFrom, ['uplink-down'])
    const [, written] = withCauses([report('disk-nearly-full'), report('state-not-writable')])
    assert.deepEqual(
      written?.mayFollowFrom,
      ['disk-nearly-full'],
      'the daemon says of a full disk that it cannot write',
    )
  })

  it('are other codes than the one itself', () => {
    for (const {code} of CHECKS) assert.ok(!causesOf(code).has(code), code)
  })

  it('what the gateway finds is told once', () => {
    const gateway = seen({...says, findings: [finding('bird-unreachable'), finding('node-nat')]})
    const relayed = relayFindings(gateway, [report('bird-unreachable')])
    assert.deepEqual(
      relayed.findings.map(({code}) => code),
      ['node-nat'],
    )
    assert.equal(relayFindings(unseen, []).unreachable, 'no nft')
  })
})
