import assert from 'node:assert/strict'
import {createSocket} from 'node:dgram'
import {startAgent} from '../../lab/agent/client.ts'
import {TRAFFIC_PORT} from '../../lab/agent/protocol.ts'
import type {PodPlan} from '../../lab/network/plan.ts'
import {lossOf} from '../../lab/steps/traffic.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'

const SENT = 2000
const POD = '10.1.0.5'

/** The pod has a namespace of its own; this process sends to it. */
inNamespace(import.meta.url, () => {
  describe('an agent of the lab', function () {
    this.timeout(20_000)
    let pod: Namespace
    before(() => {
      pod = createNamespace('pod')
      shell(`ip link add here type veth peer name eth0 netns ${pod.name}
        ip link set here up; ip addr add 10.1.0.1/24 dev here`)
      pod.run(`ip link set lo up; ip link set eth0 up; ip addr add ${POD}/24 dev eth0`)
    })
    after(() => pod.remove())

    it('that has no time to read knows how much came meanwhile, and nothing of it counts as lost', async () => {
      const agent = await startAgent({ref: 'a/p1', namespace: pod.name, address: POD, ports: []} as never as PodPlan)
      const pids = shell(`ip netns pids ${pod.name}`).trim().split('\n').map(Number)
      const socket = createSocket('udp4')
      await agent.forget()
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      for (let sequence = 0; sequence < SENT; sequence++) {
        const message = Buffer.alloc(64)
        message.writeUInt32BE(sequence)
        socket.send(message, TRAFFIC_PORT, POD)
        // Not more at once than the kernel's queues hold.
        if (sequence % 100 === 99) await eventually(() => socket.getSendQueueCount() === 0)
      }
      for (const pid of pids) process.kill(pid, 'SIGCONT')
      await eventually(async () => lossOf(SENT, await agent.received()).lost === 0)
      const {overflowed, ranges} = await agent.received()
      assert.ok(overflowed > 0, 'its socket was full')
      assert.equal(ranges[0]?.[0], 0)
      socket.close()
      agent.close()
    })
  })
})
