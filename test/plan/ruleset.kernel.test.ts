import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {createNftDriver, type NftDriver} from '../../src/apply/index.ts'
import {diffNft} from '../../src/diff/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {GatewayConfig, GatewayName, LinkSpec, NftTable, Presence} from '../../src/model/index.ts'
import {dropOfCounter, planRuleset} from '../../src/plan/index.ts'
import {type Compiled, compilePolicy} from '../../src/policy/index.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {address, configOf, listOf, podRecord, site, tunnelTo} from '../support/sites.ts'

const SEND_RAW = fileURLToPath(new URL('../support/send-raw.ts', import.meta.url))
const signal = new AbortController().signal
const TUNNEL = 'is-b-0000'
const tunnel = tunnelTo('b', TUNNEL)
const link: LinkSpec = {
  kind: 'ipip',
  name: TUNNEL,
  alias: 'isthmus a/a1/wan b/b1/wan slot 0',
  mtu: 1480,
  local: address('192.0.2.1'),
  remote: address('192.0.2.2'),
  ttl: 64,
}

/** The plan's table for a gateway of site a with one pod and a tunnel to site b. */
function tableWith(
  standard: 'allow' | 'deny',
  previous: Compiled | null,
  presence: Presence = 'open',
  overrides: Partial<GatewayConfig> = {},
): {table: NftTable; compiled: Compiled} {
  const config = configOf({default: standard, ...overrides})
  const federation = new Federation(config)
  federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
  for (const steps = federation.setPresence(site('b'), presence); !steps.next().done; );
  const world = federation.world()
  const compiled = compilePolicy(world, {default: standard, previous, firstClass: 7})
  const policy = compiled
  const devices = new Map(
    ['lan0', TUNNEL, 'wan0'].map((name) => [name, Number(shell(`cat /sys/class/net/${name}/ifindex`))]),
  )
  return {
    table: planRuleset({
      ...{config, world, tunnels: [tunnel], links: [link], wireguard: [], uplinkDevices: ['wan0'], devices, policy},
      fouPorts: [{local: address('192.0.2.1'), port: 5555, protocol: 4}],
    }),
    compiled,
  }
}

/** One UDP packet, with a source that the namespace has. */
const DATAGRAM = `const [from, fromPort, to, toPort] = process.argv.slice(1)
const socket = require('node:dgram').createSocket('udp4')
socket.bind(Number(fromPort), from, () => socket.send('x', Number(toPort), to, () => socket.close()))`
const send = ({run}: Namespace, ...ends: [from: string, fromPort: number, to: string, toPort: number]): void => {
  run(`${process.execPath} -e "${DATAGRAM}" ${ends.join(' ')}`)
}
/** Counts what comes into a namespace for one UDP port. */
const countArrivals = (into: Namespace, port: number): (() => number) =>
  countPackets(into, `arrived${port}`, `udp dport ${port}`)
const countQuenches = (into: Namespace): (() => number) => countPackets(into, 'quenches', 'icmp type source-quench')
const countPackets = ({run}: Namespace, table: string, match: string): (() => number) => {
  run(
    'nft -f -',
    `table inet ${table} {
  counter arrived {
  }
  chain arrived {
    type filter hook prerouting priority -500; policy accept;
    ${match} counter name "arrived"
  }
}
`,
  )
  return () => Number(/packets (\d+)/.exec(run(`nft list counter inet ${table} arrived`))![1])
}

/** ICMP of type 4 about a datagram, in hexadecimal. */
function sourceQuench(from: string, fromPort: number, to: string, toPort: number): string {
  const bytes = Buffer.alloc(36)
  bytes[0] = 4
  bytes.set([0x45, 0, 0, 28, 0, 1, 0, 0, 63, 17], 8)
  bytes.set([...from.split('.'), ...to.split('.')].map(Number), 20)
  for (const [at, value] of [fromPort, toPort, 8, 0].entries()) bytes.writeUInt16BE(value, 28 + 2 * at)
  bytes.writeUInt16BE(checksum(bytes.subarray(8, 28)), 18)
  bytes.writeUInt16BE(checksum(bytes), 2)
  return bytes.toString('hex')
}

function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

inNamespace(import.meta.url, () => {
  describe('the planned ruleset, in the real kernel', () => {
    let driver: NftDriver
    let lan: Namespace
    let far: Namespace
    let wan: Namespace
    let compiled: Compiled | null = null
    let running: ChildProcess | null = null

    const load = async (
      standard: 'allow' | 'deny',
      presence: Presence = 'open',
      overrides: Partial<GatewayConfig> = {},
    ): Promise<void> => {
      const made = tableWith(standard, compiled, presence, overrides)
      compiled = made.compiled
      const outcomes = await driver.apply(diffNft(made.table, await driver.read(signal)), signal)
      assert.deepEqual(
        outcomes.filter(({ok}) => !ok),
        [],
      )
      await driver.raiseGeneration()
    }
    /** Of all tunnels and of none. */
    const packets = async (reason: string): Promise<number> =>
      [...(await driver.readCounters())]
        .filter(([counter]) => (dropOfCounter(counter)?.reason ?? counter) === reason)
        .reduce((sum, [, {packets}]) => sum + packets, 0)
    /** One ping; whether it was answered. */
    const ping = (from: Namespace, source: string, to: string): boolean =>
      from.run(`ping -n -q -c 1 -W 0.3 -I ${source} ${to} >/dev/null 2>&1 && echo yes || echo no`).trim() === 'yes'

    before(async function () {
      this.timeout(20_000)
      driver = createNftDriver()
      ;[lan, far, wan] = [createNamespace('lan'), createNamespace('far'), createNamespace('wan')]
      // The device has a tunnel's name; what it is made of is all the same to the ruleset.
      for (const [device, {name}] of [
        ['lan0', lan],
        [TUNNEL, far],
        ['wan0', wan],
      ] as const) {
        shell(`ip link add ${device} type veth peer name eth0 netns ${name}; ip link set ${device} up`)
      }
      shell(`sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
for device in lan0 ${TUNNEL} wan0; do sysctl -qw net.ipv4.conf.$device.rp_filter=0; done
ip address add 10.1.0.1/24 dev lan0
ip address add 100.64.0.0 peer 100.64.0.2 dev ${TUNNEL}
ip address add 198.18.0.0/31 dev wan0
ip route add 10.2.0.0/24 via 100.64.0.2
ip route add 10.3.0.0/24 via 100.64.0.2
ip route add 10.2.201.0/24 via 10.1.0.5
ip route add 10.1.1.0/24 via 10.1.0.5
ip route add default via 198.18.0.1`)
      lan.run(
        'ip link set eth0 up; ip address add 10.1.0.5/24 dev eth0; ip address add 10.2.0.66/32 dev eth0; ip route add default via 10.1.0.1',
      )
      far.run(
        'ip link set eth0 up; ip address add 100.64.0.2 peer 100.64.0.0 dev eth0; ip address add 10.2.0.7/32 dev lo; ip address add 10.9.0.9/32 dev lo; ip address add 192.168.99.1/32 dev lo; ip route add default via 100.64.0.0',
      )
      wan.run(
        'ip link set eth0 up; ip address add 198.18.0.1/31 dev eth0; ip address add 10.1.0.77/32 dev lo; ip address add 10.2.200.7/32 dev lo; ip route add 10.0.0.0/8 via 198.18.0.0',
      )
      await load('allow')
    })
    after(async () => {
      running?.kill('SIGKILL')
      for (const namespace of [lan, far, wan]) namespace?.remove()
      await driver?.close()
    })

    it('reads back as it was planned: nothing is left to do', async () => {
      const {table} = tableWith('allow', compiled)
      driver.distrust()
      assert.deepEqual(diffNft(table, await driver.read(signal)), [])
    })

    it('a pod’s packet passes the tunnel, both ways', () => {
      assert.ok(ping(far, '10.2.0.7', '10.1.0.5'))
      assert.ok(ping(lan, '10.1.0.5', '10.2.0.7'))
    })

    const refused: [what: string, counter: string, send: () => boolean][] = [
      ['a source behind a tunnel that its site does not own', 'spoofed', () => ping(far, '10.9.0.9', '10.1.0.5')],
      [
        'a remote site’s address on the LAN',
        'spoofed',
        () => ping(lan, '10.2.0.66', '10.1.0.1') || ping(lan, '10.2.0.66', '10.2.0.7'),
      ],
      ['a remote site’s address from LAN to LAN', 'spoofed', () => ping(lan, '10.2.0.66', '10.1.1.6')],
      ['a remote prefix whose only way is back to the LAN', 'leaked', () => ping(lan, '10.1.0.5', '10.2.201.7')],
      ['another site’s prefix in a tunnel', 'leaked', () => ping(lan, '10.1.0.5', '10.3.0.7')],
      ['another site’s prefix from a tunnel to the LAN', 'leaked', () => ping(far, '10.2.0.7', '10.2.201.7')],
      ['an own address that comes from the WAN', 'spoofed', () => ping(wan, '10.1.0.77', '10.1.0.5')],
      ['a remote prefix whose only way is the default route', 'leaked', () => ping(lan, '10.1.0.5', '10.2.200.7')],
    ]
    for (const [what, counter, send] of refused) {
      it(`${what} is dropped and counted`, async () => {
        const before = await packets(counter)
        assert.equal(send(), false)
        assert.ok((await packets(counter)) > before)
      })
    }

    it('where no way is left but the twin on the LAN, packets go to it without a state, and to nobody else there', async () => {
      const twinAt = (twin: string): Partial<GatewayConfig> => ({
        twin: 'a2' as GatewayName,
        lan: {device: 'lan0', address: address('10.1.0.1'), twin: address(twin), watch: []},
      })
      const arrived = countArrivals(lan, 4300)
      await load('deny', 'open', twinAt('10.1.0.9'))
      const leaked = await packets('leaked')
      send(lan, '10.1.0.5', 5300, '10.2.201.7', 4300)
      await eventually(async () => (await packets('leaked')) > leaked)
      assert.equal(arrived(), 0)

      await load('deny', 'open', twinAt('10.1.0.5'))
      const {table} = tableWith('deny', compiled, 'open', twinAt('10.1.0.5'))
      driver.distrust()
      assert.deepEqual(diffNft(table, await driver.read(signal)), [], 'reads back as it was planned')
      // Not judged here: a policy that denies is the twin's to enforce.
      send(lan, '10.1.0.5', 5300, '10.2.201.7', 4300)
      await eventually(() => arrived() === 1)
      assert.equal(shell('conntrack -L -p udp --dport 4300 2>/dev/null'), '')
      assert.equal(ping(lan, '10.1.0.5', '10.2.0.7'), false, 'what has a tunnel is judged here')
      send(lan, '10.2.0.66', 5301, '10.2.201.7', 4300)
      assert.equal(ping(lan, '10.2.0.66', '10.2.201.7'), false)
      assert.equal(arrived(), 1, 'nor with an address of a remote site')
      await load('allow')
    })

    for (const presence of ['closed', 'withdrawn'] as const) {
      it(`of a site that is ${presence} nothing passes, neither way, no running flow either, until it is back`, async () => {
        const [here, there] = [countArrivals(lan, 5100), countArrivals(far, 4100)]
        const both = (): void => {
          send(far, '10.2.0.7', 4100, '10.1.0.5', 5100)
          send(lan, '10.1.0.5', 5100, '10.2.0.7', 4100)
        }
        both()
        await eventually(() => here() === 1 && there() === 1)
        await load('allow', presence)
        const before = await packets('site_closed')
        both()
        assert.equal(ping(far, '10.2.0.7', '10.1.0.5') || ping(lan, '10.1.0.5', '10.2.0.7'), false)
        assert.equal(await packets('site_closed'), before + 4)
        assert.deepEqual([here(), there()], [1, 1])
        assert.equal(ping(lan, '10.1.0.5', '10.2.200.7'), false, 'and nothing by the default route')
        assert.ok(ping(far, '100.64.0.2', '100.64.0.0'), 'its gateway is spoken to')
        await load('allow')
        both()
        await eventually(() => here() === 2 && there() === 2)
        for (const {run} of [lan, far]) run('nft flush ruleset')
      })
    }

    it('through a tunnel only its far end speaks to the gateway itself', async () => {
      assert.ok(ping(far, '100.64.0.2', '100.64.0.0'))
      const before = await packets('spoofed')
      assert.equal(ping(far, '10.2.0.7', '10.1.0.1'), false)
      assert.ok((await packets('spoofed')) > before)
    })

    it('tunnel packets from a gateway that nobody knows are dropped and counted', async () => {
      const before = await packets('tunnel_unknown')
      // Protocol 4 by hand: no tunnel device is needed to send one.
      wan.run(`${process.execPath} ${SEND_RAW} 4 198.18.0.0`)
      assert.ok((await packets('tunnel_unknown')) > before)
    })

    it('tunnel packets in UDP likewise, and no other datagrams', async () => {
      const before = await packets('tunnel_unknown')
      send(wan, '198.18.0.1', 7001, '198.18.0.0', 5555)
      assert.equal((await packets('tunnel_unknown')) - before, 1)
      send(wan, '198.18.0.1', 7001, '198.18.0.0', 5556)
      assert.equal((await packets('tunnel_unknown')) - before, 1)
    })

    it('packets of a judged flow are not looked at again, either way', async () => {
      const [here, there] = [countArrivals(lan, 5001), countArrivals(far, 4001)]
      const both = (): void => {
        send(far, '10.2.0.7', 4001, '10.1.0.5', 5001)
        send(lan, '10.1.0.5', 5001, '10.2.0.7', 4001)
      }
      both()
      shell('nft insert rule inet isthmus checked udp dport { 4001, 5001 } drop')
      try {
        both()
        await eventually(() => here() === 2 && there() === 2)
      } finally {
        driver.distrust()
        const [, handle] = /5001.* drop # handle (\d+)/.exec(shell('nft -a list chain inet isthmus checked'))!
        shell(`nft delete rule inet isthmus checked handle ${handle}`)
      }
    })

    it('a flow’s tuple from another device is spoofed, whoever judged the flow', async () => {
      const [here, there] = [countArrivals(lan, 5002), countArrivals(far, 4002)]
      send(far, '10.2.0.7', 4002, '10.1.0.5', 5002)
      send(lan, '10.1.0.5', 5002, '10.2.0.7', 4002)
      await eventually(() => here() === 1 && there() === 1)
      const before = await packets('spoofed')
      // The asking end, then the answering one.
      wan.run('ip address add 10.2.0.7/32 dev lo')
      send(wan, '10.2.0.7', 4002, '10.1.0.5', 5002)
      wan.run('ip address del 10.2.0.7/32 dev lo; ip address add 10.1.0.5/32 dev lo')
      await eventually(async () => (await packets('spoofed')) === before + 1)
      send(wan, '10.1.0.5', 5002, '10.2.0.7', 4002)
      wan.run('ip address del 10.1.0.5/32 dev lo')
      await eventually(async () => (await packets('spoofed')) === before + 2)
      assert.deepEqual([here(), there()], [1, 1])
    })

    it('a packet that tells of a flow from another device makes it no way there', async () => {
      const there = countArrivals(wan, 5004)
      send(far, '10.2.0.7', 4004, '198.18.0.1', 5004)
      await eventually(() => there() === 1)
      // Judged by the flow's tuple, since its mark is of an older generation: source quench, no error that passes unjudged.
      await driver.raiseGeneration()
      const invalid = await packets('invalid')
      const quenches = countQuenches(far)
      lan.run(
        `${process.execPath} ${SEND_RAW} 1 10.2.0.7 10.1.0.5 ${sourceQuench('10.2.0.7', 4004, '198.18.0.1', 5004)}`,
      )
      await eventually(() => quenches() === 1)
      const [, mark] = /mark=(\d+)/.exec(shell('conntrack -L -p udp --dport 5004 2>/dev/null'))!
      assert.deepEqual([Number(mark) > 255, Number(mark) & 255, await packets('invalid')], [true, 0, invalid])
    })

    it('a flow’s tuple from the side that it goes to is spoofed, though both devices are its own', async () => {
      lan.run('ip address add 10.1.1.6/32 dev lo')
      const [there, away] = [countArrivals(far, 4006), countArrivals(far, 5006)]
      send(lan, '10.1.1.6', 5006, '10.2.0.7', 4006)
      await eventually(() => there() === 1)
      const before = await packets('spoofed')
      lan.run('ip address del 10.1.1.6/32 dev lo; ip address add 10.2.0.7/32 dev lo')
      shell('ip route replace 10.1.1.0/24 via 100.64.0.2')
      try {
        send(lan, '10.2.0.7', 4006, '10.1.1.6', 5006)
        await eventually(async () => (await packets('spoofed')) === before + 1)
        assert.equal(away(), 0)
      } finally {
        shell('ip route replace 10.1.1.0/24 via 10.1.0.5')
        lan.run('ip address del 10.2.0.7/32 dev lo')
      }
    })

    it('a judged flow whose route comes to leave by another device is leaked no packet of', async () => {
      const [there, away] = [countArrivals(far, 4003), countArrivals(wan, 4003)]
      send(lan, '10.1.0.5', 5003, '10.2.0.7', 4003)
      send(lan, '10.1.0.5', 5003, '10.2.0.7', 4003)
      await eventually(() => there() === 2)
      const before = await packets('leaked')
      shell('ip route replace 10.2.0.0/24 via 198.18.0.1')
      try {
        send(lan, '10.1.0.5', 5003, '10.2.0.7', 4003)
        await eventually(async () => (await packets('leaked')) === before + 1)
        assert.deepEqual([there(), away()], [2, 0])
      } finally {
        shell('ip route replace 10.2.0.0/24 via 100.64.0.2')
      }
      send(lan, '10.1.0.5', 5003, '10.2.0.7', 4003)
      await eventually(() => there() === 3)
    })

    it('a running flow goes on by its mark, and a deny ends it', async () => {
      const [file, ...args] = [
        'ip',
        'netns',
        'exec',
        far.name,
        'ping',
        '-n',
        '-i',
        '0.05',
        '-W',
        '0.3',
        '-I',
        '10.2.0.7',
        '10.1.0.5',
      ]
      running = spawn(file!, args, {stdio: ['ignore', 'pipe', 'ignore']})
      let answers = 0
      running.stdout!.on('data', (data) => {
        answers += String(data).split('bytes from').length - 1
      })
      await eventually(() => (answers > 5 ? true : null))
      await load('deny')
      const denied = await packets('deny_egress_b')
      await eventually(async () => ((await packets('deny_egress_b')) > denied + 3 ? true : null))
      const atDeny = answers
      await eventually(async () => ((await packets('deny_egress_b')) > denied + 10 ? true : null))
      assert.equal(answers, atDeny, 'not one answer more')
      await load('allow')
      await eventually(() => (answers > atDeny ? true : null))
    }).timeout(20_000)
  })
})
