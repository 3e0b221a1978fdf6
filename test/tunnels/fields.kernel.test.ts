import assert from 'node:assert/strict'
import {createNetlinkDriver, type NetlinkDriver} from '../../src/apply/index.ts'
import {type LinkSpec, type NetlinkStep, stepKey} from '../../src/model/index.ts'
import {renderTunnelCommands} from '../../src/tunnels/index.ts'
import {planAll, type Sketch} from '../support/interconnect.ts'
import {createNamespace, inNamespace, type Namespace, shell} from '../support/namespace.ts'

const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'vxlan'},
}
const POD_A = '10.1.0.5'
const POD_B = '10.2.0.5'
const base = {needs: [], reason: 'test', driver: 'netlink'} as const
/** EF, and the two bits of ECN that say: this one may be marked. */
const EF = 0xb8
const ECT0 = 0x02

inNamespace(import.meta.url, () => {
  describe('fields of a packet in a vxlan tunnel: pod, gateway, router, gateway, pod', () => {
    let pods: Readonly<Record<'a' | 'b', Namespace>>
    let [router, far]: Namespace[] = []
    let driver: NetlinkDriver
    const plans = planAll(SKETCH)
    const [a, b] = [plans.get('a')!.plan, plans.get('b')!.plan]
    const [link, farDevice] = [a.links[0]!, b.links[0]!.name]

    const netlink = async (step: NetlinkStep): Promise<void> => {
      const [outcome] = await driver.apply([step], new AbortController().signal)
      assert.deepEqual(outcome, {ok: true, step: step.key})
    }
    const setMtu = (mtu: number): Promise<void> => {
      far!.run(`ip link set ${farDevice} mtu ${mtu}`)
      const narrower: LinkSpec = {...link, mtu}
      return netlink({...base, key: stepKey('link'), do: 'link-update', link: narrower})
    }
    /** Lets through only what these matches say of echo requests from pod to pod, at the router or in pod b. */
    const only = (at: Namespace, traffic: string, fields: string): string =>
      at.run(
        'nft -f -',
        `table ip only { chain c { type filter hook prerouting priority 0; ${traffic} ${fields} accept; ${traffic} drop; }; }`,
      )
    const toRouter = 'ip saddr 192.0.2.8 udp dport 4789'
    const toPod = 'icmp type echo-request'
    const ping = (from: 'a' | 'b', options: string): string =>
      pods[from].run(`ping -c 1 -W 1 ${options} ${from === 'a' ? POD_B : POD_A} 2>&1 || true`)
    const arrives = (from: 'a' | 'b', options: string): void => assert.match(ping(from, options), / 1 received/)
    const isLost = (from: 'a' | 'b', options: string): void => assert.match(ping(from, options), / 0 received/)

    before(async () => {
      router = createNamespace('router')
      far = createNamespace('far')
      pods = {a: createNamespace('pod-a'), b: createNamespace('pod-b')}
      shell(`sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
ip link add wan0 type veth peer name near netns ${router.name}; ip link set wan0 up
ip addr add 192.0.2.8/32 dev wan0; ip route add 192.0.2.9/32 dev wan0; ip route add 192.0.2.16 via 192.0.2.9
ip link add lan0 type veth peer name eth0 netns ${pods.a.name}; ip link set lan0 up; ip addr add 10.1.0.1/24 dev lan0`)
      router.run(`sysctl -qw net.ipv4.ip_forward=1
ip link add far type veth peer name wan0 netns ${far.name}; ip link set near up; ip link set far up
ip addr add 192.0.2.9 peer 192.0.2.8 dev near; ip addr add 192.0.2.17 peer 192.0.2.16 dev far`)
      far.run(`sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
ip link add lan0 type veth peer name eth0 netns ${pods.b.name}; ip link set lan0 up; ip addr add 10.2.0.1/24 dev lan0
ip link set wan0 up; ip addr add 192.0.2.16 peer 192.0.2.17 dev wan0; ip route add 192.0.2.8 via 192.0.2.17
${renderTunnelCommands(b)}
ip route add 10.1.0.0/16 via ${a.tunnels[0]!.local} dev ${farDevice}`)
      pods.a.run(`ip link set eth0 up; ip addr add ${POD_A}/24 dev eth0; ip route add default via 10.1.0.1`)
      pods.b.run(`ip link set eth0 up; ip addr add ${POD_B}/24 dev eth0; ip route add default via 10.2.0.1`)
      driver = createNetlinkDriver()
      await netlink({...base, key: stepKey('link'), do: 'link-create', link})
      await netlink({...base, key: stepKey('address'), do: 'address-add', address: a.addresses[0]!})
      shell(`ip route add 10.2.0.0/16 via ${a.tunnels[0]!.peer} dev ${link.name}`)
      arrives('a', '')
    })
    afterEach(async () => {
      for (const one of [router!, pods.b]) one.run('nft flush ruleset')
      for (const pod of Object.values(pods)) pod.run('ip route flush cache')
      await setMtu(1450)
    })
    after(() => {
      driver.close()
      for (const one of [router!, far!, pods.a, pods.b]) one.remove()
    })

    it('outer TTL begins at 64 whatever the inner one is; the inner one counts the two gateways, not the routers', () => {
      only(router!, toRouter, 'ip ttl 64')
      only(pods.b, toPod, 'ip ttl 18')
      arrives('a', '-t 20')
      isLost('a', '-t 21')
    })

    it('a packet whose TTL ends at a gateway is told of by that gateway', () => {
      assert.match(ping('a', '-t 1'), /From 10\.1\.0\.1 .*Time to live exceeded/)
      assert.match(ping('a', '-t 2'), new RegExp(`From ${a.tunnels[0]!.peer} .*Time to live exceeded`))
    })

    it('DSCP crosses inside and does not show outside', () => {
      only(router!, toRouter, 'ip dscp cs0')
      only(pods.b, toPod, 'ip dscp ef')
      arrives('a', `-Q ${EF}`)
      isLost('a', '-Q 0')
    })

    it('ECN shows outside, and a mark made there arrives inside', () => {
      only(router!, toRouter, 'ip ecn ect0')
      only(pods.b, toPod, 'ip ecn ect0')
      arrives('a', `-Q ${EF | ECT0}`)
      router!.run('nft flush ruleset')
      router!.run(
        'nft -f -',
        `table ip congested { chain c { type filter hook forward priority 0; ${toRouter} ip ecn set ce; }; }`,
      )
      isLost('a', `-Q ${EF | ECT0}`)
      pods.b.run('nft flush ruleset')
      only(pods.b, toPod, 'ip dscp ef ip ecn ce')
      arrives('a', `-Q ${EF | ECT0}`)
    })

    it('a mark on a packet that cannot bear it is loss, as it must be', () => {
      router!.run(
        'nft -f -',
        `table ip congested { chain c { type filter hook forward priority 0; ${toRouter} ip ecn set ce; }; }`,
      )
      isLost('a', `-Q ${EF}`)
      arrives('a', `-Q ${EF | ECT0}`)
    })

    it('outer packets are not to be split; inner ones that may be are, both ways', () => {
      only(router!, toRouter, 'ip frag-off & 0x4000 == 0x4000')
      arrives('a', '-M dont -s 3000')
      arrives('b', '-M dont -s 3000')
    })

    it('what a router tells the gateway of the path does not reach the pod: that is why it is measured', () => {
      shell('sysctl -qw net.ipv4.route.mtu_expires=1')
      router!.run('ip link set far mtu 1400')
      try {
        for (let times = 0; times < 3; times++) isLost('a', '-M do -s 1400')
        assert.doesNotMatch(ping('a', '-M do -s 1400'), /Frag needed/)
      } finally {
        router!.run('ip link set far mtu 1500')
      }
    })

    for (const mtu of [1450, 1300]) {
      it(`who sends more than ${mtu} bytes that must not be split is told so, both ways, and may send as much`, async () => {
        await setMtu(mtu)
        for (const from of ['a', 'b'] as const) {
          arrives(from, `-M do -s ${mtu - 28}`)
          assert.match(ping(from, `-M do -s ${mtu - 27}`), new RegExp(`Frag needed and DF set \\(mtu = ${mtu}\\)`))
        }
      })
    }
  })
})
