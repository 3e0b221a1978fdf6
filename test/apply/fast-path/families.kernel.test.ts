import assert from 'node:assert/strict'
import {setTimeout as delay} from 'node:timers/promises'
import {createFastPath, type FastPath} from '../../../src/apply/index.ts'
import {REMEMBER_MARK} from '../../../src/model/index.ts'
import {frameOf, frameSender} from '../../policy/raw-packet.ts'
import {address} from '../../policy/worlds.ts'
import {checksum} from '../../support/ip-packets.ts'
import {makeLoopRouter, ROUTER_MAC} from '../../support/loop-router.ts'
import {eventually, inNamespace, shell} from '../../support/namespace.ts'

/** A ruleset that trusts every UDP flow, and what comes out of the router. */
const TABLES = `table inet own {
  chain forward {
    type filter hook forward priority 0;
    meta l4proto udp meta mark set ${REMEMBER_MARK}
  }
}
table netdev seen {
  counter passed { }
  counter told { }
  chain arrived {
    type filter hook ingress device sink priority 0;
    ip ttl 63 udp dport 7 counter name passed
    ip6 hoplimit 63 udp dport 7 counter name passed
    icmp type { destination-unreachable, time-exceeded } counter name told
    icmpv6 type { packet-too-big, time-exceeded } counter name told
  }
}
`
const ETHERNET = 14
const FAMILIES = [
  {
    name: 'IPv4',
    from: '10.1.0.5',
    to: '10.2.0.7',
    ttlAt: 8,
    lengthAt: 2,
    headerBytes: 20,
    mtu: 'route replace 10.0.0.0/8 via 198.51.100.2 mtu lock',
  },
  {
    name: 'IPv6',
    from: 'fd01::5',
    to: 'fd02::7',
    ttlAt: 7,
    lengthAt: 4,
    headerBytes: 40,
    mtu: '-6 route replace fd00::/8 via fd99::2 mtu lock',
  },
] as const

inNamespace(import.meta.url, () => {
  describe('the fast path, by family', () => {
    let fastPath: FastPath
    let sender: ReturnType<typeof frameSender>
    const counter = (name: string): number =>
      Number(/packets (\d+)/.exec(shell(`nft list counter netdev seen ${name}`))![1])

    before(async () => {
      makeLoopRouter()
      shell('nft -f -', TABLES)
      fastPath = createFastPath()
      await fastPath.follow(['left', 'right'].map((name) => Number(shell(`cat /sys/class/net/${name}/ifindex`))))
      fastPath.open()
      sender = frameSender('near')
    })
    after(() => {
      sender.close()
      fastPath.close()
    })

    /** Sends a frame, and says whether it went by the fast path. */
    async function isFast(frame: Buffer, comesOut: 'passed' | 'told'): Promise<boolean> {
      const [packets, before] = [fastPath.packets(), counter(comesOut)]
      sender.send(frame)
      await eventually(() => counter(comesOut) === before + 1)
      return fastPath.packets() === packets + 1
    }

    for (const [index, {name, from, to, ttlAt, lengthAt, headerBytes, mtu}] of FAMILIES.entries()) {
      const frame = (sourcePort = 7, change: (packet: Buffer) => void = () => undefined): Buffer => {
        const packet = {from: address(from), to: address(to), protocol: 17, sourcePort, destinationPort: 7}
        const bytes = frameOf(packet, 1, ROUTER_MAC)
        change(bytes.subarray(ETHERNET))
        return bytes
      }
      /** IPv4's header has a sum over it. */
      const withTtl =
        (ttl: number) =>
        (packet: Buffer): void => {
          const less = packet[ttlAt]! - ttl
          packet[ttlAt] = ttl
          if (index > 0) return
          const sum = packet.readUInt16BE(10) + (less << 8)
          packet.writeUInt16BE((sum & 0xffff) + (sum >>> 16), 10)
        }

      it(`${name}: takes the second packet of a flow, not one of another, nor one whose TTL ends`, async () => {
        assert.equal(await isFast(frame(), 'passed'), false)
        assert.equal(await isFast(frame(), 'passed'), true)
        assert.equal(await isFast(frame(8), 'passed'), false)
        assert.equal(await isFast(frame(7, withTtl(1)), 'told'), false)
        assert.equal(await isFast(frame(), 'passed'), true)
      })

      it(`${name}: leaves to the kernel what is too large for the route`, async () => {
        assert.equal(await isFast(frame(9), 'passed'), false)
        assert.equal(await isFast(frame(9), 'passed'), true)
        shell(`ip ${mtu} 1300`)
        const [small, more] = [frame(9), 1300]
        const large = Buffer.concat([small, Buffer.alloc(more)])
        const packet = large.subarray(ETHERNET)
        if (index === 0) packet[6] = 0x40
        packet.writeUInt16BE(packet.readUInt16BE(lengthAt) + more, lengthAt)
        packet.writeUInt16BE(packet.readUInt16BE(headerBytes + 4) + more, headerBytes + 4)
        if (index === 0) {
          const sum = 0x10000 + packet.readUInt16BE(10) - more - 0x4000
          packet.writeUInt16BE((sum & 0xffff) - (sum < 0x10000 ? 1 : 0), 10)
        }
        assert.equal(await isFast(large, 'told'), false)
        assert.equal(await isFast(frame(9), 'passed'), true)
      })

      it(`${name}: follows no flow of an epoch that is over`, async () => {
        assert.equal(await isFast(frame(10), 'passed'), false)
        assert.equal(await isFast(frame(10), 'passed'), true)
        fastPath.open()
        assert.equal(await isFast(frame(10), 'passed'), false)
        assert.equal(await isFast(frame(10), 'passed'), true)
        await delay(1100)
        assert.equal(await isFast(frame(10), 'passed'), false, 'a second is over')
      })
    }

    it('IPv4: takes none for another host, with a tag, or with options', async () => {
      const packet = {
        from: address('10.1.0.5'),
        to: address('10.2.0.7'),
        protocol: 17,
        sourcePort: 12,
        destinationPort: 7,
      }
      const plain = frameOf(packet, 1, ROUTER_MAC)
      assert.equal(await isFast(plain, 'passed'), false)
      assert.equal(await isFast(plain, 'passed'), true)
      const [ethernet, ip] = [plain.subarray(0, ETHERNET), plain.subarray(ETHERNET)]
      const packets = fastPath.packets()
      sender.send(frameOf(packet, 1, '02:00:00:00:00:99'))
      sender.send(Buffer.concat([ethernet.subarray(0, 12), Buffer.from('81000005', 'hex'), ethernet.subarray(12), ip]))
      const header = Buffer.concat([ip.subarray(0, 20), Buffer.from([1, 1, 1, 0])])
      header[0] = 0x46
      header.writeUInt16BE(ip.length + 4, 2)
      header.writeUInt16BE(0, 10)
      header.writeUInt16BE(checksum(header), 10)
      assert.equal(await isFast(Buffer.concat([ethernet, header, ip.subarray(20)]), 'passed'), false)
      assert.equal(fastPath.packets(), packets)
    })

    it('IPv6: takes none with a header before UDP’s', async () => {
      const packet = {
        from: address('fd01::5'),
        to: address('fd02::7'),
        protocol: 17,
        sourcePort: 11,
        destinationPort: 7,
      }
      const plain = frameOf(packet, 1, ROUTER_MAC)
      assert.equal(await isFast(plain, 'passed'), false)
      assert.equal(await isFast(plain, 'passed'), true)
      const [ethernetAndIp, udp] = [Buffer.from(plain.subarray(0, 54)), plain.subarray(54)]
      ethernetAndIp[ETHERNET + 6] = 60
      ethernetAndIp.writeUInt16BE(udp.length + 8, ETHERNET + 4)
      const options = Buffer.from([17, 0, 1, 4, 0, 0, 0, 0])
      assert.equal(await isFast(Buffer.concat([ethernetAndIp, options, udp]), 'passed'), false)
    })
  })
})
