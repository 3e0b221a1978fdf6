import assert from 'node:assert/strict'
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {setTimeout as delay} from 'node:timers/promises'
import {createFastPath, createNftDriver, type FastPath, type NftDriver} from '../../../src/apply/index.ts'
import {createFlowEnds} from '../../support/flow-process.ts'
import {makeFlowRouter} from '../../support/flow-router.ts'
import {ANSWER, ASKER, createEnforcer, NEAR, START, TUNNEL} from '../../support/flow-worlds.ts'
import {ipPacket, PROTOCOL, udpDatagram} from '../../support/ip-packets.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../../support/namespace.ts'
import {type PacketSender, startPacketSender} from '../../support/packet-sender.ts'

/** A remembered flow holds a second; then it must be seen behind the rules again. */
const FORGOTTEN_MS = 1200
const COUNTERS = `table ip seen {
  counter passed { }
  counter too_big { }
  counter exceeded { }
  counter arrivals { }
  chain arrived {
    type filter hook prerouting priority -400;
    icmp type destination-unreachable icmp code frag-needed counter name too_big
    icmp type time-exceeded counter name exceeded
    udp sport 4000-4999 counter name arrivals
    ip dscp af41 ip ttl 63 udp sport 4000-4999 counter name passed
  }
  chain left {
    type filter hook output priority 0;
    ip dscp set af41
  }
}
`

/** Of a connection that nobody has begun. */
function tcpSegment(port: number): Buffer {
  const segment = Buffer.alloc(20)
  segment.writeUInt16BE(port, 0)
  segment.writeUInt16BE(port, 2)
  segment.set([0x50, 0x10], 12)
  return segment
}

const indexOf = (device: string): number => Number(shell(`cat /sys/class/net/${device}/ifindex`))

inNamespace(import.meta.url, () => {
  describe('the fast path', () => {
    let fastPath: FastPath
    let driver: NftDriver
    let near: Namespace
    let far: Namespace
    let other: Namespace
    let farSender: PacketSender
    let port = 4000
    const ends = createFlowEnds()

    /** A flow both ways, every 20 ms; how many answers have come. */
    async function flow(protocol: 'udp' | 'tcp' = 'udp'): Promise<() => number> {
      port++
      await ends.start(near, 'serve', protocol, ANSWER, port)
      const answers = await ends.start(far, 'ask', protocol, ASKER, port, ANSWER, port)
      await eventually(() => answers() > 3)
      return answers
    }

    /** How many packets leave by it while so many answers come. */
    async function fastWhile(answers: () => number, count = 10): Promise<number> {
      const [packets, before] = [fastPath.packets(), answers()]
      await eventually(() => answers() >= before + count)
      return fastPath.packets() - packets
    }

    const counter = ({run}: Namespace, name: string): number =>
      Number(/packets (\d+)/.exec(run(`nft list counter ip seen ${name}`))![1])

    const sent = {source: ASKER, destination: ANSWER, protocol: PROTOCOL.udp}
    /** One packet of the running flow, from the asker; `change` has the IP header and what follows. */
    function packetOfFlow(bytes: number, change: (packet: Buffer) => void = () => undefined): Buffer {
      const packet = ipPacket(sent, udpDatagram(sent, [port, port], Buffer.alloc(bytes)))
      change(packet)
      return packet
    }

    before(async function () {
      this.timeout(20_000)
      fastPath = createFastPath()
      assert.equal(fastPath.missing, null)
      driver = createNftDriver({fastPath})
      ;({near, far} = makeFlowRouter())
      other = createNamespace('other')
      shell(`ip link add lan1 type veth peer name eth0 netns ${other.name}
        ip link set lan1 up; ip address add 10.3.0.1/24 dev lan1`)
      other.run('ip link set eth0 up; ip address add 10.3.0.2/24 dev eth0; ip route add default via 10.3.0.1')
      for (const {run} of [near, far]) run('nft -f -', COUNTERS)
      await createEnforcer(driver, {fastPath: true})(START)
      farSender = await startPacketSender(far)
    })
    after(async () => {
      ends.stop()
      farSender?.stop()
      for (const namespace of [near, far, other]) namespace?.remove()
      await driver?.close()
      fastPath?.close()
    })
    afterEach(() => ends.stop())

    it('takes packets of a judged UDP flow, both ways, as a router would have sent them on', async () => {
      const answers = await flow()
      const fast = await fastWhile(answers, 20)
      assert.ok(fast >= 36, `${fast} packets for 20 questions and answers`)
      ends.stop()
      await delay(50)
      for (const end of [near, far]) {
        assert.ok(counter(end, 'arrivals') >= 20)
        assert.equal(counter(end, 'passed'), counter(end, 'arrivals'), 'TTL one less, DSCP as it was')
      }
    })

    it('leaves one packet a second of each flow and direction to conntrack, so its state lives', async () => {
      const answers = await flow()
      await fastWhile(answers)
      const left = (): number =>
        Number(
          /timeout=(\d+)|udp +17 +(\d+)/.exec(shell(`conntrack -L -p udp --orig-port-src ${port} 2>/dev/null`))![2],
        )
      await delay(FORGOTTEN_MS)
      assert.ok(left() >= 28, `${left()} s left`)
    })

    it('asks the routes for each packet', async () => {
      const answers = await flow()
      await fastWhile(answers)
      shell('ip route replace blackhole 10.2.0.0/24')
      await delay(30)
      const before = answers()
      await delay(200)
      assert.ok(answers() <= before + 1)
      shell('ip route replace 10.2.0.0/24 via 100.64.0.2')
      assert.ok((await fastWhile(answers)) > 10)

      shell(`ip route add ${ANSWER}/32 via 10.3.0.2 dev lan1`)
      await delay(30)
      const packets = fastPath.packets()
      await delay(200)
      assert.equal(fastPath.packets(), packets, 'another device')
      shell(`ip route del ${ANSWER}/32`)
    })

    it('forgets a flow within a second that somebody else drops', async () => {
      const answers = await flow()
      await fastWhile(answers)
      shell('nft -f -', 'table ip own { chain own { type filter hook forward priority 10; meta l4proto udp drop; }; }')
      await delay(FORGOTTEN_MS)
      const [before, packets] = [answers(), fastPath.packets()]
      await delay(200)
      assert.deepEqual([answers(), fastPath.packets()], [before, packets])
      shell('nft delete table ip own')
    })

    it('takes nothing of another device, whatever addresses it bears', async () => {
      const answers = await flow()
      await fastWhile(answers)
      ends.stop()
      await delay(50)
      await fastPath.follow([NEAR, TUNNEL, 'lan1'].map(indexOf))
      const sender = await startPacketSender(other)
      const spoofed = async (): Promise<number> => (await driver.readCounters()).get('spoofed')!.packets
      const [packets, before] = [fastPath.packets(), await spoofed()]
      await sender.send(packetOfFlow(1))
      await eventually(async () => (await spoofed()) > before)
      await farSender.send(packetOfFlow(1))
      await eventually(() => fastPath.packets() > packets)
      assert.equal(fastPath.packets(), packets + 1)
      sender.stop()
    })

    it('leaves to the kernel what it must answer: TTL, a packet too large, fragments', async () => {
      const answers = await flow()
      await fastWhile(answers)
      ends.stop()
      await delay(50)
      const packets = fastPath.packets()
      // Still remembered: a whole packet of the flow is taken.
      await farSender.send(packetOfFlow(1))
      await eventually(() => fastPath.packets() === packets + 1)

      const [exceeded, tooBig] = [counter(far, 'exceeded'), counter(far, 'too_big')]
      await farSender.send(packetOfFlow(1, (packet) => packet.set([1], 8)))
      await eventually(() => counter(far, 'exceeded') > exceeded)
      shell(`ip route add ${ANSWER}/32 dev ${NEAR} mtu lock 600`)
      await farSender.send(packetOfFlow(1000, (packet) => packet.set([0x40], 6)))
      await eventually(() => counter(far, 'too_big') > tooBig)
      shell(`ip route del ${ANSWER}/32`)
      await farSender.send(ipPacket({...sent, protocol: PROTOCOL.tcp}, tcpSegment(port)))
      const datagram = udpDatagram(sent, [port, port], Buffer.alloc(24))
      const all = counter(near, 'arrivals')
      await farSender.send(
        ipPacket({...sent, moreFragments: true}, datagram.subarray(0, 16)),
        ipPacket({...sent, offset: 16}, datagram.subarray(16)),
      )
      await eventually(() => counter(near, 'arrivals') > all)
      assert.equal(fastPath.packets(), packets + 1)
    })

    it('remembers no flow whose addresses are translated on the way', async () => {
      shell(
        'nft -f -',
        `table ip own { chain own { type nat hook postrouting priority 100; oifname "${NEAR}" masquerade; }; }`,
      )
      const answers = await flow()
      assert.equal(await fastWhile(answers), 0)
      ends.stop()
      await delay(50)
      const [arrivals, packets] = [counter(near, 'arrivals'), fastPath.packets()]
      await farSender.send(
        packetOfFlow(1, (packet) => packet.set([10, 1, 0, 1], 12)),
        packetOfFlow(1),
      )
      await eventually(() => counter(near, 'arrivals') > arrivals)
      assert.deepEqual(
        [counter(near, 'arrivals'), fastPath.packets()],
        [arrivals + 1, packets],
        'as it left, not as it came',
      )
      shell('nft delete table ip own')
    })

    it('remembers no flow that bears a mark of somebody', async () => {
      shell(
        'nft -f -',
        'table ip own { chain own { type filter hook prerouting priority 0; meta l4proto udp meta mark set 7; }; }',
      )
      assert.equal(await fastWhile(await flow()), 0)
      shell('nft delete table ip own')
    })

    it('takes no TCP: conntrack follows its windows', async () => {
      assert.equal(await fastWhile(await flow('tcp')), 0)
    })

    it('is shut until it is opened, and remembers nothing of before then', async () => {
      const answers = await flow()
      await fastWhile(answers)
      fastPath.shut()
      assert.equal(await fastWhile(answers), 0)
      fastPath.open()
      assert.ok((await fastWhile(answers, 20)) > 10)
    })

    it('remembers no packet that leaves in another epoch than it came in', async () => {
      const answers = await flow()
      await fastWhile(answers)
      ends.stop()
      await delay(FORGOTTEN_MS)
      // Behind the rules, and held up: nobody says where the pod is.
      const mac = /lladdr (\S+)/.exec(shell(`ip neigh show ${ANSWER}`))![1]
      near.run('ip link set eth0 arp off')
      shell(`ip neigh del ${ANSWER} dev ${NEAR}`)
      const arrivals = counter(near, 'arrivals')
      await farSender.send(packetOfFlow(1))
      fastPath.open()
      shell(`ip neigh replace ${ANSWER} lladdr ${mac} dev ${NEAR}`)
      await eventually(() => counter(near, 'arrivals') === arrivals + 1)
      const packets = fastPath.packets()
      for (const fast of [0, 1]) {
        await farSender.send(packetOfFlow(1))
        await eventually(() => counter(near, 'arrivals') === arrivals + 2 + fast)
        assert.equal(fastPath.packets(), packets + fast)
      }
      near.run('ip link set eth0 arp on')
    })

    it('is taken off by the next process, which puts its own in its place', async () => {
      const answers = await flow()
      await fastWhile(answers)
      const next = createFastPath()
      const nextDriver = createNftDriver({fastPath: next})
      await nextDriver.read(new AbortController().signal)
      assert.equal(await fastWhile(answers), 0)
      await createEnforcer(nextDriver, {fastPath: true})(START)
      const packets = next.packets()
      await eventually(() => next.packets() > packets + 10)
      await nextDriver.close()
      next.close()
    })

    it('loses nothing where a process takes the place of another', async () => {
      const flood = spawn('ip', ['netns', 'exec', far.name, 'ping', '-q', '-f', '-c', '40000', '-I', ASKER, ANSWER])
      let said = ''
      flood.stdout.on('data', (data) => {
        said += data
      })
      const ended = once(flood, 'close')
      while (flood.exitCode === null) {
        const next = createFastPath()
        await next.takeOver()
        await next.follow([NEAR, TUNNEL].map(indexOf))
        next.open()
        next.close()
      }
      await ended
      assert.match(said, /40000 packets transmitted, 40000 received/)
    }).timeout(20_000)

    it('is loaded while signals come', async () => {
      const parent = process.pid
      const noise = Array.from({length: 4}, () =>
        spawn('sh', ['-c', `while kill -CHLD ${parent}; do sleep 0.0005; done`]),
      )
      try {
        await Promise.all(noise.map((child) => once(child, 'spawn')))
        for (let turn = 0; turn < 20; turn++) {
          const fresh = createFastPath()
          fresh.close()
          assert.equal(fresh.missing, null)
        }
      } finally {
        for (const child of noise) child.kill('SIGKILL')
      }
    })

    it('follows the devices of the table, and comes back where somebody took it off', async () => {
      const second = createFastPath()
      assert.equal(second.missing, null)
      await second.takeOver()
      const indexes = [NEAR, TUNNEL].map(indexOf)
      await second.follow(indexes)
      assert.deepEqual(await second.devices(), indexes)
      shell(`tc qdisc del dev ${NEAR} clsact`)
      assert.deepEqual(await second.devices(), indexes.slice(1))
      await second.follow(indexes)
      assert.deepEqual(await second.devices(), indexes)
      await second.follow([])
      assert.equal(shell(`tc filter show dev ${NEAR} ingress; tc filter show dev ${TUNNEL} egress`), '')
      second.close()
    })
  })
})
