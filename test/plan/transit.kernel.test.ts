import assert from 'node:assert/strict'
import {createNftDriver} from '../../src/apply/index.ts'
import {diffNft} from '../../src/diff/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {GatewayConfig, LinkSpec, Presence} from '../../src/model/index.ts'
import {planRuleset} from '../../src/plan/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {createNamespace, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {address, configOf, remote, site, tunnelTo} from '../support/sites.ts'

/** Site a between b, c and d, each by a tunnel; its own policy denies everything. */
const FAR = ['b', 'c', 'd'] as const
const device = (name: string): string => `is-${name}-0000`
const signal = new AbortController().signal

inNamespace(import.meta.url, () => {
  describe('a hub, in the real kernel', () => {
    const spaces = new Map<string, Namespace>()
    const driver = createNftDriver()

    const load = async (transit: readonly string[], presence: Presence = 'open'): Promise<void> => {
      const sites = new Map(FAR.map((name, index) => remote(name, `10.${index + 2}.0.0/16`)))
      const config: GatewayConfig = configOf({sites, transit: transit.map(site), default: 'deny'})
      const federation = new Federation(config)
      for (const steps = federation.setPresence(site('c'), presence); !steps.next().done; );
      const world = federation.world()
      const links = FAR.map(
        (name): LinkSpec => ({
          ...{kind: 'ipip', name: device(name), alias: `isthmus ${name}`, mtu: 1480, ttl: 64},
          ...{local: address('192.0.2.1'), remote: address('192.0.2.2')},
        }),
      )
      const devices = new Map(
        FAR.map((name) => [device(name), Number(shell(`cat /sys/class/net/${device(name)}/ifindex`))]),
      )
      const tunnels = FAR.map((name, index) => ({...tunnelTo(name, device(name)), peer: `100.64.0.${index * 2 + 2}`}))
      const policy = compilePolicy(world, {default: 'deny', previous: null, firstClass: 7})
      const table = planRuleset({config, world, tunnels, links, wireguard: [], uplinkDevices: [], devices, policy})
      const outcomes = await driver.apply(diffNft(table, await driver.read(signal)), signal)
      assert.deepEqual(
        outcomes.filter(({ok}) => !ok),
        [],
      )
      await driver.raiseGeneration()
    }
    /** Of all tunnels together. */
    const packets = async (reason: string): Promise<number> =>
      [...(await driver.readCounters())]
        .filter(([counter]) => counter === reason || counter.startsWith(`${reason}_`))
        .reduce((sum, [, counted]) => sum + counted.packets, 0)
    const ping = (from: string, source: string, to: string): boolean =>
      spaces
        .get(from)!
        .run(`ping -n -q -c 1 -W 0.3 -I ${source} ${to} >/dev/null 2>&1 && echo yes || echo no`)
        .trim() === 'yes'

    before(function () {
      this.timeout(20_000)
      shell('sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0')
      for (const [index, name] of FAR.entries()) {
        const far = createNamespace(name)
        spaces.set(name, far)
        const [own, inner] = [`10.${index + 2}.0.5`, `100.64.0.${index * 2 + 2}`]
        shell(`ip link add ${device(name)} mtu 1480 type veth peer name eth0 mtu 1480 netns ${far.name}
ip link set ${device(name)} up
ip address add 100.64.0.0 peer ${inner} dev ${device(name)}
ip route add 10.${index + 2}.0.0/16 via ${inner}`)
        far.run(`ip link set eth0 up; ip address add ${inner} peer 100.64.0.0 dev eth0
ip address add ${own}/32 dev lo; ip address add 10.77.0.9/32 dev lo; ip route add default via 100.64.0.0`)
      }
    })

    it('passes what is between two that it names, both ways, whatever its own policy says', async () => {
      await load(['b', 'c'])
      assert.ok(ping('b', '10.2.0.5', '10.3.0.5'))
      assert.ok(ping('c', '10.3.0.5', '10.2.0.5'))
    })

    it('keeps no state of it, so that the way back may be another', async () => {
      await load(['b', 'c'])
      ping('b', '10.2.0.5', '10.3.0.5')
      assert.doesNotMatch(shell('cat /proc/net/nf_conntrack 2>/dev/null || conntrack -L 2>/dev/null'), /10\.3\.0\.5/)
    })

    it('drops and counts what it is no hub for, what is nobody’s, and what would come back', async () => {
      await load(['b', 'c'])
      const before = {
        leaked: await packets('leaked'),
        looped: await packets('looped'),
        spoofed: await packets('spoofed'),
      }
      assert.ok(!ping('b', '10.2.0.5', '10.4.0.5'), 'to one that is not named')
      assert.ok(!ping('d', '10.4.0.5', '10.2.0.5'), 'from one that is not named')
      assert.ok(!ping('b', '10.2.0.5', '10.2.9.9'), 'back into the tunnel')
      assert.equal((await packets('leaked')) - before.leaked, 2)
      assert.equal((await packets('looped')) - before.looped, 1)
      assert.ok(!ping('b', '10.77.0.9', '10.3.0.5'), 'from nobody’s address')
      assert.equal((await packets('spoofed')) - before.spoofed, 1)
    })

    it('passes an ICMP error of the far gateway, which the ends know the flow of', async () => {
      await load(['b', 'c'])
      spaces.get('c')!.run('ip route add unreachable 10.3.7.0/24; sysctl -qw net.ipv4.ip_forward=1')
      const said = spaces.get('b')!.run('ping -n -c 1 -W 0.5 -I 10.2.0.5 10.3.7.1 || true')
      assert.match(said, /From 100\.64\.0\.4 .*Unreachable/)
    })

    it('tells the sender that a packet is too long for the second tunnel', async () => {
      await load(['b', 'c'])
      shell(`ip link set ${device('c')} mtu 1400`)
      const said = spaces.get('b')!.run('ping -n -c 1 -W 0.5 -M do -s 1440 -I 10.2.0.5 10.3.0.5 || true')
      shell(`ip link set ${device('c')} mtu 1480`)
      assert.match(said, /mtu ?= ?1400/)
    })

    it('passes nothing of a closed site', async () => {
      await load(['b', 'c'], 'closed')
      const before = await packets('site_closed')
      assert.ok(!ping('b', '10.2.0.5', '10.3.0.5'))
      assert.ok(!ping('c', '10.3.0.5', '10.2.0.5'))
      assert.equal((await packets('site_closed')) - before, 2)
    })

    it('one that is no hub passes nothing between tunnels, though its policy would', async () => {
      await load([])
      const before = await packets('leaked')
      assert.ok(!ping('b', '10.2.0.5', '10.3.0.5'))
      assert.equal((await packets('leaked')) - before, 1)
    })
  })
})
