import assert from 'node:assert/strict'
import {createNetlinkDriver, type NetlinkDriver} from '../../src/apply/index.ts'
import {linksIn} from '../../src/diagnose/index.ts'
import {type Ip6tnlLink, type NetlinkStep, type SitLink, stepKey} from '../../src/model/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {createNamespace, inNamespace, type Namespace, shell} from '../support/namespace.ts'

// Needs the modules sit, ip6_tunnel and fou; run in the VM where the running kernel has none.
const ip = (text: string) => parseAddress(text)!
const alias = 'isthmus a/g1/wan b/g1/wan slot 0 ipv6'
const ends = {local: ip('192.0.2.1'), remote: ip('192.0.2.2'), ttl: 64} as const
const SIT: SitLink = {name: 'is-b-sit', alias, mtu: 1480, kind: 'sit', ...ends}
const SIT_UDP: SitLink = {...SIT, mtu: 1472, fou: 6667}
const IP6TNL: Ip6tnlLink = {
  ...{name: 'is-b-6', alias, mtu: 1460, kind: 'ip6tnl', ttl: 64},
  ...{local: ip('2001:db8::1'), remote: ip('2001:db8::2')},
}
type Case = SitLink | Ip6tnlLink
const step = (link: Case, what: 'link-create' | 'link-delete'): NetlinkStep => {
  const base = {key: stepKey(link.name), needs: [], reason: 'test', driver: 'netlink'} as const
  return what === 'link-create' ? {...base, do: what, link} : {...base, do: what, name: link.name}
}
const address = (device: string, local: string, peer: string): NetlinkStep => ({
  ...{key: stepKey(`address ${local}`), needs: [], reason: 'test', driver: 'netlink', do: 'address-add'},
  address: {device, local: ip(local), peer: ip(peer)},
})

/** How the other end would be made by hand, and what packets between the two are outside. */
const CASES: {name: string; link: Case; far: string; outside: string; families: readonly (4 | 6)[]}[] = [
  {
    name: 'sit',
    link: SIT,
    far: 'ip link add there type sit mode ip6ip local 192.0.2.2 remote 192.0.2.1 ttl 64',
    outside: 'meta l4proto 41',
    families: [6],
  },
  {
    name: 'sit in UDP',
    link: SIT_UDP,
    far: `ip fou add port 6667 ipproto 41
ip link add there type sit mode ip6ip local 192.0.2.2 remote 192.0.2.1 ttl 64 encap fou encap-sport auto encap-dport 5556`,
    outside: 'udp dport 6667',
    families: [6],
  },
  {
    name: 'ip6tnl',
    link: IP6TNL,
    far: 'ip link add there type ip6tnl mode any local 2001:db8::2 remote 2001:db8::1 hoplimit 64 encaplimit none',
    outside: 'ip6 nexthdr { 4, 41 }',
    families: [4, 6],
  },
]

inNamespace(import.meta.url, () => {
  const {signal} = new AbortController()
  let netlink: NetlinkDriver

  before(() => {
    netlink = createNetlinkDriver()
  })
  after(() => netlink.close())

  for (const {name, link, far: made, outside, families} of CASES) {
    describe(`a tunnel by ${name}`, () => {
      let far: Namespace
      before(function () {
        this.timeout(30_000)
        far = createNamespace('far')
        shell(`ip link add wan0 type veth peer name wan0 netns ${far.name}
ip link set wan0 up; ip address add 192.0.2.1/24 dev wan0; ip address add 2001:db8::1/64 dev wan0 nodad
modprobe fou; ip fou add port 5556 ipproto 41 || true`)
        far.run(`ip link set wan0 up; ip address add 192.0.2.2/24 dev wan0; ip address add 2001:db8::2/64 dev wan0 nodad
${made}
ip link set there mtu ${link.mtu} up
ip address add 100.64.0.2/32 peer 100.64.0.1 dev there; ip address add fd00::2/128 peer fd00::1 dev there nodad`)
        far.run(
          'nft -f -',
          `table inet seen {
  counter outside {
  }
  counter others {
  }
  chain seen {
    type filter hook prerouting priority -500; policy accept;
    iifname "wan0" ${outside} counter name "outside" accept
    iifname "wan0" meta l4proto { 4, 17, 41 } counter name "others"
  }
}
`,
        )
      })
      after(async () => {
        await netlink.apply([step(link, 'link-delete')], signal)
        shell('ip link delete wan0; ip fou del port 5556 ipproto 41 || true')
        far.remove()
      })

      it('reads back as it was given', async () => {
        assert.deepEqual(await netlink.apply([step(link, 'link-create')], signal), [{ok: true, step: link.name}])
        assert.deepEqual((await netlink.read(signal)).links[0]?.spec, link)
        assert.deepEqual(linksIn(shell('ip -d -j link show'))[0]?.spec, link, 'as diagnose --consistency reads it')
      })

      it('carries packets up to its MTU, outside as it should', async () => {
        const inner = {4: ['100.64.0.1', '100.64.0.2'], 6: ['fd00::1', 'fd00::2']} as const
        for (const family of families) {
          const [here, there] = inner[family]
          const [outcome] = await netlink.apply([address(link.name, here, there)], signal)
          assert.ok(outcome!.ok)
          const bytes = link.mtu - (family === 4 ? 28 : 48)
          shell(`ping -q -c 3 -i 0.05 -W 5 ${there}`)
          shell(`ping -q -c 2 -i 0.05 -W 5 -M do -s ${bytes} ${there}`)
          assert.throws(() => shell(`ping -q -c 1 -W 1 -M do -s ${bytes + 1} ${there}`))
        }
        const seen = (what: string) => Number(/packets (\d+)/.exec(far.run(`nft list counter inet seen ${what}`))![1])
        assert.ok(seen('outside') >= 5 * families.length, `${seen('outside')} packets`)
        assert.equal(seen('others'), 0)
      }).timeout(60_000)

      it('made by hand in another shape it is none that is kept', async () => {
        shell(`ip link add is-c type ${link.kind} local ${link.local} remote ${link.kind === 'sit' ? '192.0.2.9' : '2001:db8::9'} ttl 9
ip link set is-c alias '${alias}'`)
        const other = (await netlink.read(signal)).links.find((held) => held.name === 'is-c')
        assert.notDeepEqual(other?.spec, {...link, name: 'is-c'})
        if (link.kind === 'ip6tnl') assert.equal(other?.spec, null)
        shell('ip link delete is-c')
      })
    })
  }
})
