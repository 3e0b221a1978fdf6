import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {createNetlinkDriver, createNftDriver, type NetlinkDriver, type NftDriver} from '../../src/apply/index.ts'
import {printRuleset} from '../../src/cli/print-ruleset.ts'
import {Federation} from '../../src/federate/index.ts'
import {CONTROL_CLASS, type NetlinkStep, type NftTable, stepKey} from '../../src/model/index.ts'
import {planRuleset} from '../../src/plan/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {AS_CONTROL} from '../../src/probe/groups.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {renderTunnelCommands} from '../../src/tunnels/index.ts'
import {TestBird} from '../support/bird.ts'
import {bringNft} from '../support/bring-nft.ts'
import {configOf, planAll, type Sketch, worldOf} from '../support/interconnect.ts'
import {ipPacket, PROTOCOL, udpDatagram} from '../support/ip-packets.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {startPacketSender} from '../support/packet-sender.ts'
import {listOf, podRecord} from '../support/sites.ts'

/**
 * What the gateways tell each other, over a line of 4 Mbit/s into which a pod sends ten times as much:
 *
 *     pod ── a ══ vxlan, 4 Mbit/s ══ b
 *
 * Gateway a is this namespace. The pod marks its packets CS6, which must be no use to it.
 */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'vxlan'},
}
const MBIT = 4
const FLOOD_MS = 2000
const FLOOD = `const socket = require('node:dgram').createSocket('udp4')
setInterval(() => { for (let n = 0; n < 5; n++) socket.send(Buffer.alloc(1300), 9, "10.2.0.7") }, 1)`

inNamespace(import.meta.url, () => {
  describe('control over a tunnel that is full', () => {
    const configs = new Map(['a', 'b'].map((name) => [name, configOf(SKETCH, name, {default: 'allow'})] as const))
    const plans = planAll(SKETCH, configs)
    const [a, b] = [plans.get('a')!, plans.get('b')!]
    const tunnel = a.plan.tunnels[0]!
    let [far, pod]: Namespace[] = []
    let driver: NftDriver
    let netlink: NetlinkDriver
    const birds: TestBird[] = []
    const here = (): Namespace => ({name: process.env.ISTHMUS_TEST_NAMESPACE!, run: shell, remove: () => undefined})

    const tableOf = ({config, sites, plan}: typeof a, devices: Map<string, number>): NftTable => {
      const federation = new Federation(config)
      if (config.site === 'a') federation.update(listOf('datastore/main', [podRecord('pod', '10.1.0.5')]))
      const world = {...federation.world(), sites}
      const policy = compilePolicy(federation.world(), {default: 'allow', previous: null, firstClass: 7})
      return planRuleset({...plan, config, world, uplinkDevices: ['wan0'], devices, policy})
    }
    const birdOf = ({config, sites, plan}: typeof a): string =>
      renderBird(
        planRouting({config, world: worldOf(sites), tunnels: plan.tunnels, passwords: new Map(), draining: false}).bird,
      )
    /** Counts packets of the tunnel that come into this namespace: outer ones, and what is in them, by whether they are CS6. */
    const WATCH = `table inet watch {
  counter outer_cs6 { }; counter outer { }; counter inner_cs6 { }; counter inner { }
  chain c { type filter hook prerouting priority -400
    udp dport 4789 ip dscp cs6 counter name "outer_cs6" accept
    udp dport 4789 counter name "outer" accept
    iifname "is-*" udp dport 9 accept
    iifname "is-*" ip dscp cs6 counter name "inner_cs6" accept
    iifname "is-*" counter name "inner"
  }
}`
    const seen = (run: (line: string) => string): Record<string, number> =>
      Object.fromEntries(
        [...run('nft list table inet watch').matchAll(/counter (\w+) \{\s+packets (\d+)/g)].map(([, name, packets]) => [
          name,
          Number(packets),
        ]),
      )
    const isUp = async (bird: TestBird): Promise<boolean> => / Up /.test(await bird.ask('show bfd sessions'))
    const stands = async (bird: TestBird): Promise<boolean> =>
      /Established/.test(
        await bird.ask(`show protocols ${bird === birds[0] ? tunnel.session : b.plan.tunnels[0]!.session}`),
      )
    const apply = async (step: NetlinkStep): Promise<void> => {
      assert.deepEqual(await netlink.apply([step], new AbortController().signal), [{ok: true, step: step.key}])
    }
    const base = {key: stepKey('queue'), needs: [], reason: 'test', driver: 'netlink'} as const
    /** Share of probes that were lost while the pod sends, and whether BFD was up all the time. */
    const flooded = async (): Promise<{lost: number; up: boolean}> => {
      const flood = spawn('ip', ['netns', 'exec', pod!.name, process.execPath, '-e', FLOOD], {stdio: 'ignore'})
      try {
        await eventually(() => Number(shell('cat /sys/class/net/lan0/statistics/rx_packets')) > 200 || null, 5000)
        const probes = FLOOD_MS / 50
        const prober = spawn(
          'fping',
          ['-4', ...AS_CONTROL, '-q', '-p', '50', '-c', `${probes}`, '-t', '500', tunnel.peer],
          {
            stdio: ['ignore', 'ignore', 'pipe'],
          },
        )
        const said = textOf(prober)
        let up = true
        for (let end = false; !end; ) {
          for (const bird of birds) up &&= await isUp(bird)
          end = await Promise.race([said.then(() => true), new Promise<false>((go) => setTimeout(() => go(false), 50))])
        }
        return {lost: Number(/\/(\d+)%/.exec(await said)![1]) / 100, up}
      } finally {
        flood.kill('SIGKILL')
      }
    }

    before(async function () {
      this.timeout(60_000)
      ;[far, pod] = [createNamespace('far'), createNamespace('pod')]
      const gateway = (own: string, other: string, commands: string): string => `sysctl -qw net.ipv4.ip_forward=1
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
ip link set wan0 up; ip address add ${own} peer ${other} dev wan0
${commands}`
      // The kernel's own words about IPv6 would be counted.
      for (const run of [shell, far.run])
        run('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1')
      shell(`ip link add wan0 type veth peer name wan0 netns ${far.name}`)
      shell(gateway('192.0.2.8', '192.0.2.16', renderTunnelCommands(a.plan)))
      shell(`ip link add lan0 type veth peer name eth0 netns ${pod.name}; ip link set lan0 up; ip address add 10.1.0.1/24 dev lan0
ip route add 10.2.0.0/16 via ${tunnel.peer} dev ${tunnel.device}`)
      far.run(gateway('192.0.2.16', '192.0.2.8', renderTunnelCommands(b.plan)))
      pod.run('ip link set eth0 up; ip address add 10.1.0.5/24 dev eth0; ip route add default via 10.1.0.1')
      pod.run(
        'nft -f -',
        'table ip marks { chain c { type filter hook output priority 0; ip protocol udp ip dscp set cs6; }; }',
      )
      driver = createNftDriver()
      netlink = createNetlinkDriver()
      const index = (name: string): [string, number] => [name, Number(shell(`cat /sys/class/net/${name}/ifindex`))]
      await bringNft(driver, tableOf(a, new Map(['lan0', 'wan0', tunnel.device].map(index))))
      await driver.raiseGeneration()
      far.run('nft -f -', printRuleset(tableOf(b, new Map())))
      shell('nft -f -', WATCH)
      far.run('nft -f -', WATCH)
      for (const [space, config] of [
        [here(), birdOf(a)],
        [far, birdOf(b)],
      ] as const) {
        birds.push(await new TestBird(space, config).start())
      }
      await eventually(
        async () => (await isUp(birds[0]!)) && (await stands(birds[0]!)) && (await isUp(birds[1]!)),
        10_000,
      )
    })
    after(async () => {
      for (const bird of birds) await bird.remove()
      for (const namespace of [far, pod]) namespace?.remove()
      netlink?.close()
      await driver?.close()
    })

    it('BGP, BFD, probes and their answers bear CS6, and their outer packets too, both ways', async () => {
      shell('nft reset counters table inet watch')
      far!.run('nft reset counters table inet watch')
      await birds[0]!.ask(`reload in ${tunnel.session}`)
      shell(`fping ${AS_CONTROL.join(' ')} -q -c 3 -p 50 ${tunnel.peer} 2>&1`)
      for (const run of [shell, far!.run]) {
        const {outer, inner, outer_cs6, inner_cs6} = seen(run)
        assert.deepEqual([outer, inner], [0, 0])
        assert.ok(outer_cs6! >= 5 && inner_cs6! >= 5, `${outer_cs6} ${inner_cs6}`)
      }
    })

    it('BGP that no tunnel carries goes first too; other TCP and what only says so does not', async () => {
      shell(
        'nft -f -',
        `table ip sorted { counter first { }; counter seen { }
  chain c { type filter hook postrouting priority 0
    tcp dport 7999 counter name "seen" meta priority ${CONTROL_CLASS} counter name "first"
    udp dport 7999 counter name "seen" meta priority ${CONTROL_CLASS} counter name "first"
  }
}`,
      )
      const sender = await startPacketSender(here())
      const packet = (protocol: number, tos: number): Buffer => {
        const ends = {source: '192.0.2.8', destination: '192.0.2.16'}
        const bytes = ipPacket({...ends, protocol}, udpDatagram(ends, [7999, 7999], Buffer.alloc(12)))
        bytes[1] = tos
        return bytes
      }
      await sender.send(packet(PROTOCOL.tcp, 0xc0), packet(PROTOCOL.tcp, 0), packet(PROTOCOL.tcp, 0x10))
      await sender.send(packet(PROTOCOL.udp, 0xc0))
      sender.stop()
      assert.match(shell('nft list counter ip sorted seen'), /packets 4 /)
      assert.match(shell('nft list counter ip sorted first'), /packets 1 /)
    })

    it('none of it is lost where the gateway shapes, whatever pods say of theirs', async () => {
      await apply({...base, do: 'queue-set', queue: {device: 'wan0', rateMbit: MBIT}})
      const before = seen(far!.run)
      assert.deepEqual(await flooded(), {lost: 0, up: true})
      const outer = seen(far!.run).outer! - before.outer!
      const most = (MBIT * 125_000 * (FLOOD_MS + 3000)) / 1000 / 1350
      assert.ok(outer > 200 && outer < most, `the line was full and shaped: ${outer} packets`)
      assert.match(shell('tc -s qdisc show dev wan0'), /dropped [1-9]/)
      assert.ok(await stands(birds[0]!))
    })

    it('without it they are lost, and the session with them', async () => {
      await apply({...base, do: 'queue-delete', device: 'wan0'})
      // As long as ours for the bulk, and counted in packets, as routers do: where bytes count, small packets still fit in.
      shell(`tc qdisc add dev wan0 root handle 1: tbf rate ${MBIT}mbit burst 5kb latency 100ms
tc qdisc add dev wan0 parent 1:1 pfifo limit 30`)
      const {lost, up} = await flooded()
      assert.ok(lost > 0.2, `${lost} of the probes lost`)
      assert.ok(!up, 'BFD stayed up')
    })
  })
})

async function textOf({stderr}: ChildProcess): Promise<string> {
  let text = ''
  for await (const chunk of stderr!) text += chunk
  return text
}
