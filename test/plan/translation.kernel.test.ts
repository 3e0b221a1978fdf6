import assert from 'node:assert/strict'
import {fileURLToPath} from 'node:url'
import {createNftDriver, type NftDriver} from '../../src/apply/index.ts'
import {printRuleset} from '../../src/cli/print-ruleset.ts'
import {diffNft} from '../../src/diff/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {GatewayConfig, LinkSpec, NftTable, Policy, Tunnel, World} from '../../src/model/index.ts'
import {planRuleset} from '../../src/plan/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {entity, policy, rule, tier} from '../policy/worlds.ts'
import {bringNft} from '../support/bring-nft.ts'
import {createFlowEnds} from '../support/flow-process.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {rawRecord} from '../support/records.ts'
import {address, configOf, EXPORT, listOf, podRecord, prefix, remote, site, tunnelTo} from '../support/sites.ts'

/**
 * Sites a and b have the same prefixes, and know each other by others; c has its own:
 *
 *     web 10.1.0.5 ── a ══ vxlan ══ b ── db 10.1.0.7        a says 10.201.0.7, b says 10.202.0.5
 *                     ╚═══════════ c 10.3.0.7
 *
 * Gateway a is this namespace, with the driver and a policy in a's words; b has the planned table from text.
 */
const ECHO = fileURLToPath(new URL('../support/echo-end.ts', import.meta.url))
const [TO_B, TO_A, TO_C] = ['is-b-0000', 'is-a-0000', 'is-c-0000']
const NARROW = 1400
const PORT = 7000

/** Of both sites, and of b alone; the latter end within a byte, and their checksums carry. */
const SAME = ['10.1.0.0/16', 'fd00:1::/48']
const ODD = [
  ['172.20.16.0/20', '172.31.240.0/20'],
  ['fd00:2:0:10::/60', 'fd00:ffff:0:fff0::/60'],
] as const

function knownAs(name: string, ...pairs: (readonly [real: string, seen: string])[]): ReturnType<typeof remote> {
  const [key, base] = remote(name, ...pairs.map(([, seen]) => seen))
  return [key, {...base, translations: pairs.map(([real, seen]) => ({real: prefix(real), seen: prefix(seen)}))}]
}

const linkOf = (name: string): LinkSpec => {
  const [a, b] = [address('192.0.2.1'), address('192.0.2.2')]
  const ends = name === TO_A ? {local: b, remote: a} : {local: a, remote: b}
  return {kind: 'vxlan', name, alias: `isthmus ${name}`, mtu: 1450, ...ends, ttl: 64, vni: 7, port: 4789}
}

const CONFIG_A = configOf({
  sites: new Map([
    knownAs('b', [SAME[0]!, '10.201.0.0/16'], [SAME[1]!, 'fd00:201::/48'], ...ODD),
    remote('c', '10.3.0.0/16'),
  ]),
})
const CONFIG_B: GatewayConfig = {
  ...configOf({default: 'allow'}),
  site: site('b'),
  uplinks: [],
  owns: [...SAME, ...ODD.map(([real]) => real)].map(prefix),
  sites: new Map([knownAs('a', [SAME[0]!, '10.202.0.0/16'], [SAME[1]!, 'fd00:202::/48'])]),
}
const TUNNELS_A = [tunnelTo('b', TO_B), {...tunnelTo('c', TO_C), peer: '100.64.0.4'}]
const TUNNELS_B = [{...tunnelTo('a', TO_A), local: '100.64.0.2', peer: '100.64.0.0'}]

/** Web may ask db and db web, whatever comes but UDP 7777, in the words of site a. */
const POLICIES: readonly Policy[] = [
  policy('no-7777', {
    order: 1,
    selector: "app == 'web'",
    types: ['egress'],
    egress: [
      rule('Deny', {
        protocol: 17,
        destination: entity({nets: [prefix('10.201.0.0/16')], ports: {ranges: [{first: 7777, last: 7777}], names: []}}),
      }),
    ],
  }),
  policy('web', {
    order: 2,
    selector: "app == 'web'",
    egress: [rule('Allow', {destination: entity({nets: [...CONFIG_A.sites.values()].flatMap(({owns}) => owns)})})],
    ingress: [rule('Allow', {source: entity({selector: "app == 'db'"})})],
  }),
  policy('db', {
    order: 2,
    selector: "app == 'db'",
    egress: [rule('Allow', {destination: entity({selector: "app == 'web'"})})],
    ingress: [rule('Allow', {source: entity({selector: "app == 'web'"})})],
  }),
  policy('c', {order: 2, selector: "isthmus.io/site == 'c'", ingress: [rule('Allow')], egress: [rule('Allow')]}),
]

function worldOf(config: GatewayConfig, policies: readonly Policy[], ...batches: ReturnType<typeof listOf>[]): World {
  const federation = new Federation(config)
  for (const batch of batches) federation.update(batch)
  return {...federation.world(), policies: {tiers: [tier('default', 1)], policies}}
}

const gatewayRecord = (name: string, at: string, inner: string[]): ReturnType<typeof rawRecord> =>
  rawRecord(`${EXPORT}gateways/${name}`, {uplinks: [{name: 'wan', address: at, inner}], tunnels: {}})

/** What a's datastore and b's export say, each in its own words. */
const WORLD_A = worldOf(
  CONFIG_A,
  POLICIES,
  listOf('datastore/main', [
    podRecord('web', '10.1.0.5', {labels: {app: 'web'}}),
    podRecord('web6', 'fd00:1::5', {labels: {app: 'web'}}),
  ]),
  listOf('export/b', [
    rawRecord(`${EXPORT}meta`, {schema: 1, site: 'b', generation: 1}),
    rawRecord(`${EXPORT}site`, {as: 2, prefixes: ['10.1.0.0/16'], infrastructure: ['fd64::/64']}),
    gatewayRecord('b1', '192.0.2.2', ['100.64.0.2', '100.64.0.3']),
    rawRecord(`${EXPORT}attributes/x`, {kind: 'pod', labels: {app: 'db'}}),
    ...['10.1.0.7', 'fd00:1::7', '172.20.18.7', 'fd00:2:0:17::7'].map((at) =>
      rawRecord(`${EXPORT}endpoints/main/${at}/x`, {n: ['shop/db']}),
    ),
  ]),
)
const WORLD_B = worldOf(
  CONFIG_B,
  [],
  listOf('export/a', [
    rawRecord(`${EXPORT}site`, {as: 1, prefixes: ['10.1.0.0/16'], infrastructure: ['fd64::/64']}),
    gatewayRecord('a1', '192.0.2.1', ['100.64.0.0', '100.64.0.1']),
  ]),
)

function tableOf(
  config: GatewayConfig,
  world: World,
  tunnels: readonly Tunnel[],
  devices: Map<string, number>,
): NftTable {
  const compiled = compilePolicy(world, {default: config.default, previous: null, firstClass: 7})
  const links = tunnels.map(({device}) => linkOf(device))
  return planRuleset({config, world, tunnels, links, wireguard: [], uplinkDevices: ['wan0'], devices, policy: compiled})
}

inNamespace(import.meta.url, () => {
  describe('two sites with the same prefixes, in the real kernel', () => {
    let driver: NftDriver
    let web: Namespace
    let b: Namespace
    let db: Namespace
    let c: Namespace
    const ends = createFlowEnds(ECHO)

    const counted = async (): Promise<ReadonlyMap<string, number>> =>
      new Map([...(await driver.readCounters())].map(([name, {packets}]) => [name, packets]))
    const ask = (
      from: Namespace,
      protocol: 'tcp' | 'udp',
      to: string,
      port = PORT,
      bytes = 1,
      giveUpMs = 5000,
    ): string => from.run(`${process.execPath} ${ECHO} ${protocol} ${to} ${port} ${bytes} ${giveUpMs}`).trim()
    const ping = (from: Namespace, to: string, ...more: string[]): string =>
      from.run(`ping -n -c 1 -W 2 ${more.join(' ')} ${to} || true`)

    before(async function () {
      this.timeout(60_000)
      driver = createNftDriver()
      ;[web, b, db, c] = [createNamespace('web'), createNamespace('b'), createNamespace('db'), createNamespace('c')]
      const router = `sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0`
      const tunnel = (name: string, local: string, far: string, inner: string, peer: string, six: string): string =>
        `ip link add ${name} mtu 1450 address 02:00:00:00:00:0${six.at(-1)} type vxlan id 7 local ${local} remote ${far} dstport 4789
ip link set ${name} up; ip address add ${inner} peer ${peer} dev ${name}; ip address add ${six}/64 dev ${name} nodad
# Nobody may ask for neighbours through a tunnel; one of an ipip device has none.
ip neighbour add fd64::${3 - Number(six.at(-1))} lladdr 02:00:00:00:00:0${3 - Number(six.at(-1))} dev ${name}`
      const lan = `ip link set lan0 up; ip address add 10.1.0.1/24 dev lan0; ip address add fd00:1::1/64 dev lan0 nodad`
      const pod = (last: number): string => `ip link set eth0 up; ip address add 10.1.0.${last}/24 dev eth0
ip address add fd00:1::${last}/64 dev eth0 nodad; ip route add default via 10.1.0.1; ip route add default via fd00:1::1`
      shell(`${router}
ip link add lan0 type veth peer name eth0 netns ${web.name}
ip link add wan0 type veth peer name wan0 netns ${b.name}
ip link add ${TO_C} type veth peer name eth0 netns ${c.name}
ip link set wan0 up; ip address add 192.0.2.1/24 dev wan0
${tunnel(TO_B, '192.0.2.1', '192.0.2.2', '100.64.0.0', '100.64.0.2', 'fd64::1')}
${lan}
ip link set ${TO_C} up; ip address add 100.64.0.0 peer 100.64.0.4 dev ${TO_C}
ip route add 10.201.0.0/16 via 100.64.0.2; ip route add fd00:201::/48 via fd64::2
ip route add ${ODD[0][1]} via 100.64.0.2; ip route add ${ODD[1][1]} via fd64::2; ip route add 10.3.0.0/16 via 100.64.0.4`)
      b.run(`${router}
ip link add lan0 mtu ${NARROW} type veth peer name eth0 netns ${db.name}
ip link set wan0 up; ip address add 192.0.2.2/24 dev wan0
${tunnel(TO_A, '192.0.2.2', '192.0.2.1', '100.64.0.2', '100.64.0.0', 'fd64::2')}
${lan}
ip route add ${ODD[0][0]} via 10.1.0.7; ip route add ${ODD[1][0]} via fd00:1::7
ip route add 10.202.0.0/16 via 100.64.0.0; ip route add fd00:202::/48 via fd64::1`)
      web.run(pod(5))
      db.run(`${pod(7)}; ip link set eth0 mtu ${NARROW}
ip address add 172.20.18.7/32 dev lo; ip address add fd00:2:0:17::7/128 dev lo nodad`)
      c.run(`ip link set eth0 up; ip address add 100.64.0.4 peer 100.64.0.0 dev eth0; ip address add 10.3.0.7/32 dev lo
ip address add 10.201.0.9/32 dev lo; ip route add default via 100.64.0.0`)
      const indexes = (names: readonly string[], run: (line: string) => string): Map<string, number> =>
        new Map(names.map((name) => [name, Number(run(`cat /sys/class/net/${name}/ifindex`))]))
      await bringNft(driver, tableOf(CONFIG_A, WORLD_A, TUNNELS_A, indexes(['lan0', TO_B, TO_C, 'wan0'], shell)))
      await driver.raiseGeneration()
      b.run('nft -f -', printRuleset(tableOf(CONFIG_B, WORLD_B, TUNNELS_B, new Map())))
      await ends.start(web, 'serve', PORT)
      await ends.start(db, 'serve', PORT)
    })
    after(async () => {
      ends.stop()
      for (const namespace of [web, b, db, c]) namespace?.remove()
      await driver?.close()
    })

    it('reads back as it was planned: nothing is left to do', async () => {
      const devices = new Map<string, number>()
      driver.distrust()
      const wanted = tableOf(CONFIG_A, WORLD_A, TUNNELS_A, devices)
      const own = (key: string): boolean => /arriv|leav/.test(key)
      const held = await driver.read(new AbortController().signal)
      assert.deepEqual(
        diffNft(wanted, held).filter(({key}) => own(key)),
        [],
      )
      assert.ok([...held!.chains.keys()].filter(own).length === 4)
    })

    for (const [family, toDb, toWeb] of [
      ['IPv4', '10.201.0.7', '10.202.0.5'],
      ['IPv6', 'fd00:201::7', 'fd00:202::5'],
    ] as const) {
      it(`${family}: TCP, UDP and ping both ways, each end known by the other site's name for it`, () => {
        assert.equal(ask(web, 'tcp', toDb, PORT, 300_000), `${toWeb} 300000`)
        assert.equal(ask(db, 'tcp', toWeb, PORT, 300_000), `${toDb} 300000`)
        assert.equal(ask(web, 'udp', toDb, PORT, 100), `${toWeb} 100`)
        assert.equal(ask(db, 'udp', toWeb, PORT, 100), `${toDb} 100`)
        assert.match(ping(web, toDb), new RegExp(`bytes from ${toDb}`))
        assert.match(ping(db, toWeb), new RegExp(`bytes from ${toWeb}`))
      })

      it(`${family}: a datagram in fragments comes whole, both ways`, () => {
        assert.equal(ask(web, 'udp', toDb, PORT, 4000), `${toWeb} 4000`)
        assert.equal(ask(db, 'udp', toWeb, PORT, 4000), `${toDb} 4000`)
      })

      it(`${family}: who asks a closed port is told so: the error names the flow as the asker knows it`, () => {
        assert.equal(ask(web, 'udp', toDb, 9), 'ECONNREFUSED')
        assert.equal(ask(db, 'udp', toWeb, 9), 'ECONNREFUSED')
      })

      it(`${family}: a route's narrow end is told to the sender, by the gateway before it`, () => {
        web.run('ip route flush cache; ip -6 route flush cache')
        const said = ping(web, toDb, '-M', 'do', '-s', '1380')
        assert.match(said, family === 'IPv4' ? /Frag needed and DF set \(mtu = 1400\)/ : /Packet too big: mtu=1400/)
        assert.match(web.run(`ip route get ${toDb}`), /mtu 1400/)
      })

      it(`${family}: the hops on the way say that a packet has run out of time, both ways`, () => {
        const exceeded = (from: Namespace, to: string, hops: number): string =>
          /From (\S+) .*(?:Time to live exceeded|Time exceeded)/.exec(ping(from, to, '-t', String(hops)))?.[1] ??
          'nobody'
        const six = family === 'IPv6'
        assert.equal(exceeded(web, toDb, 1), six ? 'fd00:1::1' : '10.1.0.1')
        assert.equal(exceeded(web, toDb, 2), six ? 'fd64::2' : '100.64.0.2')
        assert.equal(exceeded(db, toWeb, 2), six ? 'fd64::1' : '100.64.0.0')
      })
    }

    it('prefixes of any length: TCP, a closed port, the hops on the way', () => {
      for (const to of ['172.31.242.7', 'fd00:ffff:0:fff7::7']) {
        const [asker, hop] = to.includes(':') ? ['fd00:202::5', 'fd64::2'] : ['10.202.0.5', '100.64.0.2']
        assert.equal(ask(web, 'tcp', to, PORT, 300_000), `${asker} 300000`)
        assert.equal(ask(web, 'udp', to, 9), 'ECONNREFUSED')
        assert.match(ping(web, to, '-t', '2'), new RegExp(`From ${hop} .*(live|Time) exceeded`))
        // What db answers with an error to leaves by the tunnel, too.
        assert.equal(ask(web, 'tcp', to, 9), 'ECONNREFUSED')
      }
    })

    it('errors are whole: every checksum in them, that of the packet within too', async () => {
      // The echo's error comes back from the second hop, with an odd length and with an even one.
      const asked: [size: number, to: string][] = [
        [55, '10.201.0.7'],
        [56, '172.31.242.7'],
        [0, '172.31.242.7'],
      ]
      const capture = web.run(`folder=$(mktemp -d)
timeout 10 tcpdump -Z root -n -U -c ${asked.length} -w $folder/packets -i eth0 'icmp[0] == 11' 2>$folder/words & tcpdump=$!
until grep -q listening $folder/words; do sleep 0.02; done
${asked.map(([size, to]) => `ping -n -c 1 -W 1 -t 2 -s ${size} ${to} >/dev/null || true`).join('\n')}
wait $tcpdump; tcpdump -n -vvv -r $folder/packets 2>/dev/null; rm -r $folder`)
      for (const [, to] of asked) assert.ok(capture.includes(`10.1.0.5 > ${to}`), capture)
      assert.equal(capture.split('time exceeded').length - 1, asked.length)
      assert.doesNotMatch(capture, /bad cksum|wrong icmp cksum/)
    })

    it('policy speaks of the translated address, and its counters count', async () => {
      const denied = (counters: ReadonlyMap<string, number>): number =>
        [...counters].filter(([name]) => name.startsWith('deny_')).reduce((sum, [, packets]) => sum + packets, 0)
      const before = denied(await counted())
      assert.equal(ask(web, 'udp', '10.201.0.7', 7777, 1, 500), 'nothing')
      assert.ok(denied(await counted()) > before)
    }).timeout(20_000)

    it('the site’s own name for an address is none here, and what claims to be one of ours already is spoofed', async () => {
      const before = await counted()
      db.run('ip address add 10.201.0.7/32 dev lo')
      assert.doesNotMatch(ping(db, '10.202.0.5', '-I', '10.201.0.7', '-W', '0.3'), /bytes from/)
      await eventually(async () => (await counted()).get('spoofed')! > before.get('spoofed')!)
      // 10.1.0.7 is an address of site a here, which nobody has: it never leaves by the tunnel.
      assert.doesNotMatch(ping(web, '10.1.0.7', '-W', '0.3'), /bytes from/)
    })

    it('a third site is known by its own addresses, and may not take those of another', async () => {
      c.run(`nft -f - <<'EOF'
table inet count { counter asked { }
  chain c { type filter hook prerouting priority 0; ip saddr 10.1.0.5 ip daddr 10.3.0.7 icmp type echo-request counter name "asked"; }
}
EOF`)
      assert.match(ping(web, '10.3.0.7'), /bytes from 10\.3\.0\.7/)
      assert.match(c.run('nft list counter inet count asked'), /packets 1 /)
      const before = await counted()
      assert.doesNotMatch(ping(c, '10.1.0.5', '-I', '10.201.0.9', '-W', '0.3'), /bytes from/)
      assert.equal((await counted()).get(`spoofed_${TO_C}`), before.get(`spoofed_${TO_C}`)! + 1)
    })

    it('goes with the configuration, nothing of it stays; and comes back', async () => {
      const plain = configOf({sites: new Map([remote('b', '10.2.0.0/16'), remote('c', '10.3.0.0/16')])})
      const indexes = new Map<string, number>()
      const own = async (): Promise<string[]> => {
        driver.distrust()
        const held = await driver.read(new AbortController().signal)
        return [...held!.chains.keys(), ...held!.sets.keys()].filter((name) => /arriv|leav/.test(name))
      }
      await bringNft(driver, tableOf(plain, worldOf(plain, []), TUNNELS_A, indexes))
      assert.deepEqual(await own(), [])
      await bringNft(driver, tableOf(CONFIG_A, WORLD_A, TUNNELS_A, indexes))
      assert.equal((await own()).length, 6)
      assert.match(ping(web, '10.201.0.7'), /bytes from 10\.201\.0\.7/)
    })
  })
})
