import assert from 'node:assert/strict'
import {createFouDriver, createNetlinkDriver, type FouDriver, type NetlinkDriver} from '../../src/apply/index.ts'
import {linksIn} from '../../src/diagnose/index.ts'
import {type FouPort, type FouStep, type IpipLink, type NetlinkStep, stepKey} from '../../src/model/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {describeDriver} from '../contract/driver.ts'
import {createNamespace, inNamespace, type Namespace, shell} from '../support/namespace.ts'

// Needs the module fou; run in the VM where the running kernel has none.
const base = {needs: [], reason: 'test'} as const
const ip = (text: string) => parseAddress(text)!
const [LOCAL, REMOTE] = [ip('192.0.2.1'), ip('192.0.2.2')]
const PORT: FouPort = {local: LOCAL, port: 5555, protocol: 4}
const LINK: IpipLink = {
  name: 'is-b-fou',
  alias: 'isthmus a/g1/wan b/g1/wan slot 0',
  mtu: 1472,
  kind: 'ipip',
  local: LOCAL,
  remote: REMOTE,
  ttl: 64,
  fou: 6666,
}
const add = (port: FouPort): FouStep => ({
  ...base,
  key: stepKey(`fou ${port.port}`),
  driver: 'fou',
  do: 'port-add',
  port,
})
const remove = (port: FouPort): FouStep => ({
  ...base,
  key: stepKey(`unfou ${port.port}`),
  driver: 'fou',
  do: 'port-delete',
  port,
})
const create = (link: IpipLink): NetlinkStep => ({
  ...base,
  key: stepKey(`link ${link.name}`),
  driver: 'netlink',
  do: 'link-create',
  link,
})

inNamespace(import.meta.url, () => {
  // In the VM all files are one process: hooks of this one must not be everybody's.
  describe('fou', () => {
    const {signal} = new AbortController()
    let noted: readonly FouPort[] = []
    const open = (): FouDriver =>
      createFouDriver({
        read: async () => noted,
        write: async (ports) => {
          noted = ports
        },
      })
    let far: Namespace
    let netlink: NetlinkDriver
    const opened: FouDriver[] = []
    const tracked = (): FouDriver => {
      const one = open()
      opened.push(one)
      return one
    }

    before(() => {
      far = createNamespace('far')
      shell(`modprobe fou; ip link add wan0 type veth peer name wan0 netns ${far.name}
ip link set wan0 up; ip address add ${LOCAL}/24 dev wan0`)
      far.run(`ip link set wan0 up; ip address add ${REMOTE}/24 dev wan0
ip fou add port 6666 ipproto 4
ip link add there type ipip local ${REMOTE} remote ${LOCAL} ttl 64 encap fou encap-sport auto encap-dport 5555
ip link set there mtu 1472 up; ip address add 100.64.0.2/32 peer 100.64.0.1 dev there`)
      netlink = createNetlinkDriver()
    })
    after(() => {
      for (const one of opened) one.close()
      netlink.close()
      shell(
        `ip link delete wan0; ip link delete ${LINK.name}; ip fou del port 7777; ip fou del port ${PORT.port} local ${LOCAL}`,
      )
      far.remove()
    })

    describeDriver('fou', () => ({
      open: tracked,
      make: [add(PORT)],
      unmake: [remove(PORT)],
      foreign: {
        create: () => shell('ip fou add port 7777 ipproto 4'),
        show: () => shell('ip fou show'),
      },
      refused: {
        step: add({...PORT, port: 8888}),
        provoke: () => shell(`ip fou add port 8888 gue local ${LOCAL}`),
        mend: () => shell(`ip fou del port 8888 local ${LOCAL}`),
      },
      view: (ports) => ports,
    }))

    describe('a tunnel in UDP', () => {
      it('a stranger’s port of the very same kind is used, and not removed', async () => {
        const driver = tracked()
        shell(`ip fou add port ${PORT.port} ipproto 4 local ${LOCAL}`)
        for (const steps of [[add(PORT)], [remove(PORT)]]) {
          assert.ok((await driver.apply(steps, signal)).every(({ok}) => ok))
          assert.deepEqual(
            (await driver.read(signal)).find(({port}) => port === PORT.port),
            {...PORT, ours: false},
          )
        }
        shell(`ip fou del port ${PORT.port} local ${LOCAL}`)
      })

      it('a device reads back as it was given; one with a fixed source port is another', async () => {
        await tracked().apply([add(PORT)], signal)
        assert.deepEqual(await netlink.apply([create(LINK)], signal), [{ok: true, step: `link ${LINK.name}`}])
        const [held] = (await netlink.read(signal)).links
        assert.deepEqual(held?.spec, LINK)
        const told = linksIn(shell('ip -d -j link show')).find(({name}) => name === LINK.name)
        assert.deepEqual(told?.spec, LINK, 'as diagnose --consistency reads it')
        assert.match(shell(`ip -d link show ${LINK.name}`), /encap fou encap-sport auto encap-dport 6666/)
        shell(`ip link add is-c-fou type ipip local ${LOCAL} remote 192.0.2.3 ttl 64 encap fou encap-sport 1 encap-dport 2
ip link set is-c-fou alias '${LINK.alias}'`)
        const other = (await netlink.read(signal)).links.find(({name}) => name === 'is-c-fou')
        assert.equal(other?.spec, null)
        shell('ip link delete is-c-fou')
      })

      it('carries packets up to its MTU, and nothing but UDP is seen outside', () => {
        shell(`ip address add 100.64.0.1/32 peer 100.64.0.2 dev ${LINK.name}`)
        far.run(`nft -f -`, SEEN)
        shell('ping -q -c 3 -i 0.05 -W 5 100.64.0.2')
        shell(`ping -q -c 2 -i 0.05 -W 5 -M do -s ${LINK.mtu - 28} 100.64.0.2`)
        const seen = (name: string) => Number(/packets (\d+)/.exec(far.run(`nft list counter inet seen ${name}`))![1])
        assert.ok(seen('fou') >= 5, `${seen('fou')} packets in UDP`)
        assert.equal(seen('ipip'), 0)
        assert.throws(() => shell(`ping -q -c 1 -W 1 -M do -s ${LINK.mtu - 27} 100.64.0.2`))
      }).timeout(60_000)

      it('without the port nothing arrives, and with it again everything does', async () => {
        const driver = tracked()
        await driver.apply([remove(PORT)], signal)
        assert.throws(() => shell('ping -q -c 2 -i 0.05 -W 1 100.64.0.2'))
        await driver.apply([add(PORT)], signal)
        shell('ping -q -c 2 -i 0.05 -W 5 100.64.0.2')
      }).timeout(60_000)
    })
  })
})

const SEEN = `table inet seen {
  counter fou {
  }
  counter ipip {
  }
  chain seen {
    type filter hook prerouting priority -500; policy accept;
    iifname "wan0" udp dport 6666 udp sport != 6666 counter name "fou"
    iifname "wan0" meta l4proto 4 counter name "ipip"
  }
}
`
