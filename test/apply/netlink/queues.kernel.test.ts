import assert from 'node:assert/strict'
import {createNetlinkDriver, type NetlinkDriver} from '../../../src/apply/netlink/index.ts'
import {type NetlinkStep, stepKey} from '../../../src/model/index.ts'
import {describeDriver} from '../../contract/driver.ts'
import {eventually, inNamespace, shell} from '../../support/namespace.ts'

const base = {needs: [], reason: 'test', driver: 'netlink'} as const
const set = (rateMbit: number, device = 'wan0'): NetlinkStep => ({
  ...base,
  ...{key: stepKey(`queue ${device}`), do: 'queue-set', queue: {device, rateMbit}},
})
const remove = (device = 'wan0'): NetlinkStep => ({
  ...base,
  key: stepKey(`unqueue ${device}`),
  do: 'queue-delete',
  device,
})

inNamespace(import.meta.url, () => {
  const {signal} = new AbortController()
  let driver: NetlinkDriver
  const opened: NetlinkDriver[] = []
  const open = () => {
    const one = createNetlinkDriver()
    opened.push(one)
    return one
  }
  beforeEach(() => {
    driver = open()
    for (const device of ['wan0', 'wan1', 'wan2'])
      shell(`ip link add ${device} type veth peer name p${device}; ip link set ${device} up`)
  })
  afterEach(() => {
    for (const one of opened.splice(0)) one.close()
    shell('for device in wan0 wan1 wan2; do ip link delete $device; done')
  })
  const ok = async (...steps: NetlinkStep[]) => {
    for (const outcome of await driver.apply(steps, signal)) assert.deepEqual(outcome, {ok: true, step: outcome.step})
  }
  const queues = async () => (await driver.read(signal)).queues

  describeDriver('netlink queues', () => ({
    open,
    make: [set(50)],
    unmake: [remove()],
    foreign: {
      create: () => shell('tc qdisc add dev wan1 root handle 1: tbf rate 5mbit burst 5kb latency 10ms'),
      show: () => shell('tc qdisc show dev wan1'),
    },
    refused: {
      step: set(50, 'wan2'),
      provoke: () => shell('tc qdisc add dev wan2 root handle 9: pfifo'),
      mend: () => shell('tc qdisc del dev wan2 root'),
    },
    view: (part) => part.queues.filter(({device}) => device === 'wan0'),
  }))

  describe('queues of uplinks', () => {
    it('shape to the rate, control before all others', async () => {
      await ok(set(50))
      assert.deepEqual(await queues(), [{device: 'wan0', ours: true, rateMbit: 50}])
      const shown = shell('tc class show dev wan0')
      assert.match(shown, /class htb 6973:1 root rate 50Mbit ceil 50Mbit/)
      assert.match(shown, /class htb 6973:7 parent 6973:1 (leaf \S+ )?prio 0 rate 12500Kbit ceil 50Mbit/)
      assert.match(shown, /class htb 6973:2 parent 6973:1 leaf \S+ prio 1 rate 37500Kbit ceil 50Mbit/)
      assert.match(shell('tc qdisc show dev wan0'), /qdisc htb 6973: root .*default 0x2/)
    })

    it('change their rate in place, from the least to the most', async () => {
      for (const rateMbit of [1, 30_000, 7]) {
        await ok(set(rateMbit))
        assert.deepEqual(await queues(), [{device: 'wan0', ours: true, rateMbit}])
      }
    })

    it('are seen not to be as they were made, and mended', async () => {
      await ok(set(50))
      shell('tc class change dev wan0 classid 6973:7 htb prio 3 rate 1mbit ceil 1mbit')
      assert.deepEqual(await queues(), [{device: 'wan0', ours: true, rateMbit: null}])
      await ok(set(50))
      assert.deepEqual(await queues(), [{device: 'wan0', ours: true, rateMbit: 50}])
    })

    it('of somebody else are told, never replaced and never removed', async () => {
      shell('tc qdisc add dev wan0 root handle 1: tbf rate 5mbit burst 5kb latency 10ms')
      const before = shell('tc qdisc show dev wan0')
      const [outcome] = await driver.apply([set(50)], signal)
      assert.ok(!outcome!.ok && outcome!.code === 'exists')
      await ok(remove())
      assert.equal(shell('tc qdisc show dev wan0'), before)
      assert.deepEqual(await queues(), [{device: 'wan0', ours: false, kind: 'tbf'}])
    })

    it('that go are told', async () => {
      await ok(set(50))
      const heard: string[] = []
      const end = driver.watch((what) => heard.push(what))
      shell('tc qdisc del dev wan0 root')
      await eventually(() => heard.includes('queue'))
      end()
    })

    it('that go with their device, make room or are changed inside are told', async () => {
      await ok(set(50))
      shell('tc qdisc add dev wan1 root handle 1: pfifo')
      await queues()
      const heard: string[] = []
      const end = driver.watch((what) => heard.push(what))
      for (const change of [
        'tc class change dev wan0 classid 6973:7 htb prio 3 rate 1mbit ceil 1mbit',
        'tc qdisc del dev wan1 root',
        'ip link delete wan0; ip link add wan0 type veth peer name pwan0; ip link set wan0 up',
      ]) {
        heard.length = 0
        shell(change)
        await eventually(() => heard.includes('queue')).catch((error) => assert.fail(`${change}: ${error}`))
      }
      end()
    })
  })
})
