import assert from 'node:assert/strict'
import {createTunnelReader, readConntrack, type TunnelReader} from '../../src/observe/index.ts'
import {inNamespace, shell} from '../support/namespace.ts'

inNamespace(import.meta.url, () => {
  describe('tunnel reader', () => {
    let reader: TunnelReader
    before(() => {
      reader = createTunnelReader()
    })
    after(() => reader.close())

    it('gives the counters of devices that exist, as ip shows them', async () => {
      // IPv6 speaks on a new device by itself, also between the two readings.
      shell('sysctl -qw net.ipv6.conf.default.disable_ipv6=1')
      shell('ip link add is-b-1 type vxlan id 5 local 127.0.0.1 remote 127.0.0.2 dstport 4789; ip link set is-b-1 up')
      shell('ip addr add 10.0.0.1 peer 10.0.0.2 dev is-b-1; ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:01 dev is-b-1')
      shell('ping -c 3 -i 0.01 -W 1 10.0.0.2 || true')
      const [counters, ...others] = await reader.read([
        {device: 'is-none', encapsulation: 'ipip'},
        {device: 'is-b-1', encapsulation: 'vxlan'},
      ])
      assert.deepEqual(others, [])
      assert.equal(counters!.device, 'is-b-1')
      const [shown] = JSON.parse(shell('ip -s -j link show is-b-1'))
      const {tx} = shown.stats64
      assert.ok(tx.packets >= 3)
      assert.deepEqual(counters!.transmit, {bytes: tx.bytes, packets: tx.packets, errors: tx.errors, drops: tx.dropped})
      assert.equal(counters!.operstate, shown.operstate.toLowerCase())
      assert.equal(counters!.handshakeSeconds, null)
    })

    it('knows no handshake where the kernel has no such device', async () => {
      const [counters] = await reader.read([{device: 'is-b-1', encapsulation: 'vxlan'}])
      assert.equal(counters!.handshakeSeconds, null)
    })
  })

  describe('readConntrack', () => {
    it('tells entries and limit once something uses conntrack', async () => {
      shell('nft -f -', 'table inet t {\n chain c { type filter hook output priority 0; ct state new accept\n }\n }\n')
      shell('ping -c 1 127.0.0.1')
      const use = await readConntrack()
      assert.ok(use && use.entries >= 1 && use.limit > use.entries, JSON.stringify(use))
    })
  })
})
