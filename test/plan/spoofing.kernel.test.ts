import assert from 'node:assert/strict'
import {fileURLToPath} from 'node:url'
import {createNftDriver, type NftDriver} from '../../src/apply/index.ts'
import {readKernelMartians} from '../../src/observe/index.ts'
import {bringNft} from '../support/bring-nft.ts'
import {createFlowEnds} from '../support/flow-process.ts'
import {ipPacket, PROTOCOL, tooBig, udpDatagram} from '../support/ip-packets.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {type PacketSender, startPacketSender} from '../support/packet-sender.ts'
import {spoofedTable, TUNNEL, TUNNEL_C, VNI, WG_PORT} from '../support/spoofed-gateway.ts'

/**
 * Packets that are not what they claim to be, and errors that are:
 *
 *     pod 10.1.0.5 ── a ══ vxlan ══ b ──narrow── db 10.2.0.7
 *
 * Gateway a is this namespace; b is a router without rules of its own, so that what it sends is refused by a alone.
 */
const ECHO = fileURLToPath(new URL('../support/echo-end.ts', import.meta.url))
const NARROW = 1300
const PORT = 7000

inNamespace(import.meta.url, () => {
  describe('anti-spoofing, in the real kernel', () => {
    let driver: NftDriver
    let [lan, b, db]: Namespace[] = []
    const ends = createFlowEnds(ECHO)

    const counts = async (): Promise<ReadonlyMap<string, number>> =>
      new Map([...(await driver.readCounters())].map(([name, {packets}]) => [name, packets]))
    let senders: ReadonlyMap<Namespace, PacketSender>
    const send = (from: Namespace, ...packets: Buffer[]): Promise<void> => senders.get(from)!.send(...packets)
    const datagram = (source: string, destination: string): Buffer =>
      ipPacket(
        {source, destination, protocol: PROTOCOL.udp},
        udpDatagram({source, destination}, [4000, 5000], Buffer.from('x')),
      )
    const watch = ({run}: Namespace, match: string): (() => number) => {
      run('nft flush ruleset')
      run(
        'nft -f -',
        `table inet watch { counter seen { }; chain c { type filter hook prerouting priority -500; ${match} counter name "seen"; }; }`,
      )
      return () => Number(/packets (\d+)/.exec(run('nft list counter inet watch seen'))![1])
    }
    /** Exactly these counters grow, by one a packet. */
    const counted = async (from: Namespace, counter: string | null, ...packets: Buffer[]): Promise<void> => {
      const before = await counts()
      await send(from, ...packets)
      const grown = async (): Promise<string> =>
        [...(await counts())]
          .flatMap(([name, now]) => (now > before.get(name)! ? [`${name} ${now - before.get(name)!}`] : []))
          .join()
      if (counter !== null) await eventually(async () => (await grown()) !== '')
      assert.equal(await grown(), counter === null ? '' : `${counter} ${packets.length}`)
    }
    /**
     * By the kernel or by us: where packets come in batches, it asks for the source of the first one alone
     * (`ip_route_use_hint`). Others on this machine may drop some too.
     */
    const dropped = async (from: Namespace, ...packets: Buffer[]): Promise<void> => {
      const martians = async (): Promise<number> =>
        [...(await counts())].reduce(
          (sum, [name, packets]) => sum + (name.startsWith('martian') ? packets : 0),
          await readKernelMartians(),
        )
      const before = await martians()
      await send(from, ...packets)
      await eventually(async () => (await martians()) >= before + packets.length)
    }
    const ask = (from: Namespace, protocol: 'tcp' | 'udp', to: string, bytes: number): string =>
      from.run(`${process.execPath} ${ECHO} ${protocol} ${to} ${PORT} ${bytes} 4000`).trim()

    before(async function () {
      this.timeout(60_000)
      driver = createNftDriver()
      ;[lan, b, db] = [createNamespace('lan'), createNamespace('b'), createNamespace('db')]
      const router = `sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0
sysctl -qw net.ipv4.conf.default.rp_filter=0 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0`
      const tunnel = (end: 1 | 2): string => {
        const far = 3 - end
        const [inner, peer] = end === 1 ? ['100.64.0.0', '100.64.0.2'] : ['100.64.0.2', '100.64.0.0']
        return `ip link set wan0 up; ip address add 192.0.2.${end}/24 dev wan0; ip address add 2001:db8:f::${end}/64 dev wan0 nodad
ip link add ${TUNNEL} mtu 1450 address 02:00:00:00:00:0${end} type vxlan id ${VNI} local 192.0.2.${end} remote 192.0.2.${far} dstport 4789
ip link set ${TUNNEL} up; ip address add ${inner} peer ${peer} dev ${TUNNEL}; ip address add fd64::${end}/64 dev ${TUNNEL} nodad
for peer in ${peer} fd64::${far}; do ip neighbour add $peer lladdr 02:00:00:00:00:0${far} dev ${TUNNEL}; done`
      }
      const end = (
        net: number,
        last: number,
      ): string => `ip link set eth0 up; ip address add 10.${net}.0.${last}/24 dev eth0
ip address add fd00:${net}::${last}/64 dev eth0 nodad; ip route add default via 10.${net}.0.1; ip route add default via fd00:${net}::1`
      shell(`${router}
ip link add lan0 type veth peer name eth0 netns ${lan.name}; ip link add wan0 type veth peer name wan0 netns ${b.name}
${tunnel(1)}
ip link set lan0 up; ip address add 10.1.0.1/24 dev lan0; ip address add fd00:1::1/64 dev lan0 nodad
ip route add 10.2.0.0/16 via 100.64.0.2; ip route add fd00:2::/48 via fd64::2
ip link add ${TUNNEL_C} type veth peer name nowhere; ip link set ${TUNNEL_C} up; ip link set nowhere up
for far in 100.64.0.4 fd64:c::4; do ip neighbour add $far lladdr 02:00:00:00:00:04 dev ${TUNNEL_C}; done
ip route add 10.3.0.0/16 via 100.64.0.4 onlink dev ${TUNNEL_C}; ip route add fd00:3::/48 via fd64:c::4 onlink dev ${TUNNEL_C}`)
      b.run(`${router}
ip link add lan0 type veth peer name eth0 netns ${db.name}
${tunnel(2)}
ip link set lan0 up; ip address add 10.2.0.1/24 dev lan0; ip address add fd00:2::1/64 dev lan0 nodad
ip route add 10.1.0.0/16 via 100.64.0.0; ip route add fd00:1::/48 via fd64::1`)
      lan.run(end(1, 5))
      db.run(end(2, 7))
      await bringNft(driver, spoofedTable())
      await driver.raiseGeneration()
      await ends.start(lan, 'serve', PORT)
      await ends.start(db, 'serve', PORT)
      senders = new Map([
        [b, await startPacketSender(b)],
        [lan, await startPacketSender(lan)],
      ])
      assert.equal(ask(lan, 'udp', 'fd00:2::7', 10), 'fd00:1::5 10')
      assert.equal(ask(lan, 'udp', '10.2.0.7', 10), '10.1.0.5 10')
    })
    after(async () => {
      ends.stop()
      for (const sender of senders?.values() ?? []) sender.stop()
      for (const namespace of [lan, b, db]) namespace?.remove()
      await driver?.close()
    })

    describe('before the tunnel device', () => {
      const outer = (source: string, protocol: number, content: Buffer): Buffer =>
        ipPacket({source, destination: '192.0.2.1', protocol}, content)
      const udp = (source: string, port: number, content: Buffer): Buffer =>
        outer(source, PROTOCOL.udp, udpDatagram({source, destination: '192.0.2.1'}, [port, port], content))
      const [known, unknown] = ['192.0.2.2', '192.0.2.99']
      const vxlan = (vni: number): Buffer =>
        Buffer.concat([
          Buffer.from([8, 0, 0, 0, 0, 0, vni, 0]),
          Buffer.from('020000000001020000000002' + '0800', 'hex'),
          datagram('10.2.0.7', '10.1.0.5'),
        ])
      const inner = datagram('10.2.0.7', '10.1.0.5')

      for (const [what, packet] of [
        ['protocol 4', (source: string) => outer(source, PROTOCOL.ipip, inner)],
        ['WireGuard', (source: string) => udp(source, WG_PORT, Buffer.alloc(32))],
        ['vxlan', (source: string) => udp(source, 4789, vxlan(VNI))],
      ] as const) {
        it(`${what} is taken from a known gateway and from nobody else`, async () => {
          await counted(b!, null, packet(known))
          await counted(b!, 'tunnel_unknown', packet(unknown))
        })
      }

      it('what a tunnel is made of has no state, what is in it has one', () => {
        shell('conntrack -F 2>/dev/null')
        ask(lan!, 'udp', '10.2.0.7', 10)
        const states = shell('conntrack -L 2>/dev/null')
        assert.match(states, /src=10\.1\.0\.5 dst=10\.2\.0\.7 .*mark=[1-9]/)
        assert.doesNotMatch(states, /dport=4789/)
      })

      it('nor does a source that nobody has come into a tunnel', async () => {
        const arrived = (): string => shell(`cat /sys/class/net/${TUNNEL}/statistics/rx_packets`)
        const before = arrived()
        await dropped(b!, udp('224.0.0.9', 4789, vxlan(VNI)), udp('192.0.2.1', 4789, vxlan(VNI)))
        assert.equal(arrived(), before)
      })

      it('protocol 4 in fragments is looked at whole', async () => {
        const fragments = (source: string, id: number): Buffer[] => [
          ipPacket(
            {source, destination: '192.0.2.1', protocol: PROTOCOL.ipip, moreFragments: true, id},
            inner.subarray(0, 24),
          ),
          ipPacket({source, destination: '192.0.2.1', protocol: PROTOCOL.ipip, offset: 24, id}, inner.subarray(24)),
        ]
        const before = (await counts()).get('tunnel_unknown')!
        await send(b!, ...fragments(unknown, 21))
        await eventually(async () => (await counts()).get('tunnel_unknown') === before + 1)
      })

      for (const others of [0, 2]) {
        it(`a known gateway does not speak in another tunnel’s name, beside ${others} others`, async () => {
          await bringNft(driver, spoofedTable(others))
          shell(
            `ip link add is-c-0000 type vxlan id 9 local 192.0.2.1 remote 192.0.2.3 dstport 4789; ip link set is-c-0000 up`,
          )
          try {
            await counted(b!, null, udp(known, 4789, vxlan(VNI)))
            await counted(b!, 'tunnel_unknown', udp(known, 4789, vxlan(9)))
            await counted(b!, 'tunnel_unknown', udp(unknown, 4789, vxlan(VNI)))
            assert.equal(shell('cat /sys/class/net/is-c-0000/statistics/rx_packets').trim(), '0')
          } finally {
            shell('ip link delete is-c-0000')
            await bringNft(driver, spoofedTable())
          }
        })
      }
    })

    describe('sources', () => {
      /** Ours to drop, and the kernel's, which counts them for the whole machine. */
      const MARTIANS = ['240.1.1.1', '169.254.1.1', '10.1.0.255', '::2', 'fd00:1::1', 'fd64::1']
      const OF_KERNEL = [
        ...['127.0.0.1', '0.1.2.3', '224.0.0.5', '255.255.255.255'],
        ...['10.1.0.1', '100.64.0.0', '192.0.2.1'],
      ]
      /** Dropped before any rule, and counted by nobody. */
      const UNSEEN = ['::1', 'fe80::5', '::ffff:10.2.0.7', 'ff02::5']
      const to = (source: string, net = 1): string => (source.includes(':') ? `fd00:${net}::5` : `10.${net}.0.5`)

      it('that nobody has, and our own, come from no tunnel and from no LAN', async () => {
        const arrived = watch(lan!, 'udp sport 4000')
        const left = watch(db!, 'udp sport 4000')
        const from = (sources: readonly string[], net = 1): Buffer[] =>
          sources.map((source) => datagram(source, to(source, net)))
        await counted(b!, `martian_${TUNNEL}`, ...from(MARTIANS))
        await counted(lan!, 'martian', ...from(MARTIANS, 2))
        await dropped(b!, ...from(OF_KERNEL))
        await dropped(lan!, ...from(OF_KERNEL, 2))
        await counted(lan!, 'martian', datagram('fd00:1::1', 'fd00:1::1'))
        await send(b!, ...UNSEEN.map((source) => datagram(source, to(source))))
        assert.deepEqual([arrived(), left()], [0, 0])
      })

      it('of a link are forwarded to by nobody: a cloud tells whoever asks there what only this machine may know', async () => {
        const asked = watch(b!, 'ip daddr 169.254.169.254 iifname "wan0"')
        shell('ip route add 169.254.169.254 via 192.0.2.2')
        b!.run(`ip route add 169.254.169.254 via 100.64.0.0`)
        await counted(b!, `martian_${TUNNEL}`, datagram('10.2.0.7', '169.254.169.254'))
        await counted(lan!, 'martian', datagram('10.1.0.5', '169.254.169.254'))
        assert.equal(asked(), 0)
        // This machine itself is answered.
        b!.run('ip route del 169.254.169.254')
        await counted(b!, null, datagram('169.254.169.254', '192.0.2.1'))
      })

      it('that another site or nobody is granted come from no tunnel', async () => {
        const arrived = watch(lan!, 'udp sport 4000')
        const sources = ['10.3.0.7', '10.1.0.77', '9.9.9.9', '100.64.0.9', 'fd00:3::7', 'fd00:1::77', '2001:db8::1']
        await counted(b!, `spoofed_${TUNNEL}`, ...sources.map((source) => datagram(source, to(source))))
        assert.equal(arrived(), 0)
      })

      it('our own do not come from the WAN, but where the way to them leads there: a gateway of one interface', async () => {
        b!.run(`ip route replace 10.2.9.0/24 via 192.0.2.1; ip -6 route replace fd00:2:0:9::/64 via 2001:db8:f::1
ip rule add iif ${TUNNEL} to 10.2.9.0/24 priority 9 blackhole; ip -6 rule add iif ${TUNNEL} to fd00:2:0:9::/64 priority 9 blackhole`)
        // As a VPC's router is the way to its machines.
        shell('ip route add 10.1.64.0/24 via 192.0.2.2; ip -6 route add fd00:1:0:64::/64 via 2001:db8:f::2')
        const arrived = watch(b!, `iifname "${TUNNEL}" udp sport 4000`)
        await counted(b!, 'spoofed', datagram('10.1.0.5', '10.2.9.9'), datagram('fd00:1::5', 'fd00:2:0:9::9'))
        await counted(b!, 'spoofed', datagram('10.1.65.5', '10.2.9.9'))
        assert.equal(arrived(), 0)
        await counted(b!, null, datagram('10.1.64.5', '10.2.9.9'), datagram('fd00:1:0:64::5', 'fd00:2:0:9::9'))
        await eventually(() => arrived() === 2)
        b!.run('ip rule add iif wan0 to 10.1.64.0/24 priority 9 blackhole')
        const came = watch(b!, 'iifname "wan0" udp sport 4000')
        await counted(b!, null, datagram('10.2.0.7', '10.1.64.5'))
        await eventually(() => came() === 1)
      })

      for (const [family, own, foreign, pod] of [
        ['IPv4', '10.2.0.7', '10.3.0.7', '10.1.0.5'],
        ['IPv6', 'fd00:2::7', 'fd00:3::7', 'fd00:1::5'],
      ] as const) {
        it(`${family}: fragments are judged as the whole that they make, and none passes alone`, async () => {
          const arrived = watch(lan!, 'udp sport 4000')
          let id = family === 'IPv4' ? 100 : 200
          const halves = (
            source: string,
            second = source,
            wanted: readonly ('first' | 'later')[] = ['first', 'later'],
          ): Buffer[] => {
            const whole = udpDatagram({source, destination: pod}, [4000, 5000], Buffer.alloc(64))
            const piece = {destination: pod, protocol: PROTOCOL.udp, id: id++}
            const pieces = {
              first: ipPacket({...piece, source, moreFragments: true}, whole.subarray(0, 32)),
              later: ipPacket({...piece, source: second, offset: 32}, whole.subarray(32)),
            }
            return wanted.map((one) => pieces[one])
          }
          await counted(b!, null, ...halves(own))
          assert.equal(arrived(), 1)
          const before = (await counts()).get(`spoofed_${TUNNEL}`)!
          await send(b!, ...halves(foreign))
          await eventually(async () => (await counts()).get(`spoofed_${TUNNEL}`) === before + 1)
          await counted(
            b!,
            null,
            ...halves(own, own, ['later']),
            ...halves(own, own, ['first']),
            ...halves(own, foreign),
          )
          assert.equal(arrived(), 1)
        })
      }

      it('what came by a tunnel does not go back into it', async () => {
        const back = watch(b!, 'udp sport 4000')
        await counted(
          b!,
          `looped_${TUNNEL}`,
          loop(datagram('10.2.0.7', '10.2.9.9')),
          loop(datagram('10.2.0.8', '10.2.9.9')),
        )
        assert.equal(back(), 0)
      })
      /** Routed into the tunnel at b, as if b had lost its mind. */
      const loop = (packet: Buffer): Buffer => {
        b!.run('ip route replace 10.2.9.0/24 via 100.64.0.0')
        return packet
      }
    })

    describe('ICMP errors', () => {
      const LONG = {udp: 1390, tcp: 200_000} as const
      /** What is too long for a link behind the other end's gateway comes, since the sender was told to send less. */
      const learns = (from: Namespace, to: string, asker: string): void => {
        for (const protocol of ['udp', 'tcp'] as const) {
          const route = (): string => from.run(`ip route get ${to}`)
          for (const end of [lan!, db!]) end.run('ip route flush cache; ip -6 route flush cache')
          assert.doesNotMatch(route(), /mtu/)
          // A datagram that is too long is lost; only the next one is split.
          if (protocol === 'udp') from.run(`${process.execPath} ${ECHO} udp ${to} ${PORT} ${LONG.udp} 300`)
          else assert.equal(ask(from, protocol, to, LONG.tcp), `${asker} ${LONG.tcp}`)
          assert.match(route(), new RegExp(`mtu ${NARROW}`), `${protocol} to ${to}`)
          assert.equal(ask(from, protocol, to, LONG[protocol]), `${asker} ${LONG[protocol]}`)
        }
      }
      for (const [family, toDb, toPod] of [
        ['IPv4', '10.2.0.7', '10.1.0.5'],
        ['IPv6', 'fd00:2::7', 'fd00:1::5'],
      ] as const) {
        it(`${family}: of a narrow link behind the other gateway reach the pod: TCP, and UDP that is not to be split`, () => {
          b!.run(`ip link set lan0 mtu ${NARROW}`)
          learns(lan!, toDb, toPod)
          b!.run('ip link set lan0 mtu 1500')
        })

        it(`${family}: of a narrow link behind this gateway reach the other site’s pod`, () => {
          shell(`ip link set lan0 mtu ${NARROW}`)
          learns(db!, toPod, toDb)
          shell('ip link set lan0 mtu 1500')
        })

        it(`${family}: that tell of no flow are dropped, whoever says them`, async () => {
          const arrived = watch(
            lan!,
            family === 'IPv4' ? 'icmp type destination-unreachable' : 'icmpv6 type packet-too-big',
          )
          const about = ipPacket(
            {source: toPod, destination: toDb, protocol: PROTOCOL.udp},
            udpDatagram({source: toPod, destination: toDb}, [4999, 9], Buffer.alloc(64)),
          )
          const gateway = family === 'IPv4' ? '100.64.0.2' : 'fd64::2'
          await counted(b!, 'invalid', tooBig({source: toDb, destination: toPod}, about))
          await counted(b!, `spoofed_${TUNNEL}`, tooBig({source: gateway, destination: toPod}, about))
          assert.equal(arrived(), 0)
        })
      }

      for (const [family, pod, theirs, sources] of [
        ['IPv4', '10.1.0.5', '10.3.0.7', ['10.2.0.7', '100.64.0.2']],
        ['IPv6', 'fd00:1::5', 'fd00:3::7', ['fd00:2::7', 'fd64::2']],
      ] as const) {
        it(`${family}: of a flow with another site come by that site’s tunnel and by no other`, async () => {
          const arrived = watch(
            lan!,
            family === 'IPv4' ? 'icmp type destination-unreachable' : 'icmpv6 type packet-too-big',
          )
          const about = datagram(pod, theirs)
          await counted(lan!, null, about)
          await eventually(() =>
            shell('conntrack -L -f ipv4 2>/dev/null; conntrack -L -f ipv6 2>/dev/null').includes(`dst=${theirs}`),
          )
          for (const source of sources) {
            await counted(b!, `spoofed_${TUNNEL}`, tooBig({source, destination: pod}, about))
          }
          assert.equal(arrived(), 0)
        })
      }
    })
  })
})
