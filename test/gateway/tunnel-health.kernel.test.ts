import assert from 'node:assert/strict'
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createNetlinkDriver, type NetlinkDriver} from '../../src/apply/index.ts'
import {startTunnelHealth, type TunnelHealth} from '../../src/gateway/tunnel-health.ts'
import {uplinkMtus} from '../../src/gateway/uplink-devices.ts'
import {type NetlinkStep, stepKey, type Tunnel} from '../../src/model/index.ts'
import {type PlannedTunnels, planTunnels, renderTunnelCommands} from '../../src/tunnels/index.ts'
import {planAll, type Sketch} from '../support/interconnect.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {watchClock} from '../support/watch-clock.ts'

const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'vxlan'},
}
const base = {needs: [], reason: 'test', driver: 'netlink'} as const
/** Faster than it really is. */
const PACE = {
  times: {small: {periodMs: 150, timeoutMs: 100}, full: {periodMs: 300, timeoutMs: 250}},
  everyMs: 100,
}

inNamespace(import.meta.url, () => {
  describe('path MTU of a vxlan tunnel over a router', () => {
    let router: Namespace
    let far: Namespace
    let driver: NetlinkDriver
    let stopping: AbortController
    let state: string
    let health: TunnelHealth
    const plans = planAll(SKETCH)
    const [a, b] = [plans.get('a')!, plans.get('b')!]
    const [device, farDevice] = [a.plan.links[0]!.name, b.plan.links[0]!.name]
    let plan: PlannedTunnels
    let underlayMtus = new Map<string, number>()
    /** Every MTU that the device ever had under the present daemon. */
    let mtus: number[]

    const netlink = async (step: NetlinkStep): Promise<void> => {
      const [outcome] = await driver.apply([step], new AbortController().signal)
      assert.deepEqual(outcome, {ok: true, step: step.key})
    }
    /** As much of a pass as this is about. */
    const pass = async (): Promise<void> => {
      const limits = health.limits()
      const wanted = planTunnels({config: a.config, sites: a.sites, keys: new Map(), limits, underlayMtus})
      await netlink({...base, key: stepKey(`link ${device}`), do: 'link-update', link: wanted.links[0]!})
      mtus.push(wanted.links[0]!.mtu)
      plan = wanted
    }
    const start = async (trialAfterMs = 600_000): Promise<void> => {
      stopping = new AbortController()
      mtus = []
      let passing = Promise.resolve()
      health = await startTunnelHealth({
        ...{state, clock: watchClock, signal: stopping.signal, pace: {...PACE, trialAfterMs}},
        planned: () => ({
          desired: {
            ...{
              links: plan.links,
              tunnels: plan.tunnels,
              addresses: plan.addresses,
              wireguard: [],
              queues: [],
              sourceRules: [],
            },
            ...{sysctls: [], fouPorts: [], findings: [], bird: '', exported: new Map()},
            nft: {family: 'inet', name: 'isthmus', chains: new Map(), sets: new Map(), counters: []},
          },
          tunnelMtus: plan.mtus,
          trials: [],
          usualMtus: plan.usualMtus,
        }),
        trigger: () => {
          passing = passing.then(pass)
        },
        log: {info: () => undefined, warn: () => undefined},
      })
      await pass()
    }
    const stop = async (): Promise<void> => {
      stopping.abort()
      await health.done
    }
    const mtu = (): number => Number(readFileSync(`/sys/class/net/${device}/mtu`, 'utf8'))
    const narrow = (link: 'near' | 'far', bytes: number): string => router.run(`ip link set ${link} mtu ${bytes}`)
    const isMtu = (bytes: number): Promise<unknown> => eventually(() => mtu() === bytes, 20_000)
    const saved = (): unknown => {
      const file = join(state, 'path-mtu.json')
      return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).tunnels
    }

    before(async () => {
      ;[router, far] = [createNamespace('router'), createNamespace('far')]
      shell(`ip link add wan0 type veth peer name near netns ${router.name}; ip link set wan0 up
ip addr add 192.0.2.8/32 dev wan0; ip route add 192.0.2.16 dev wan0`)
      router.run(`ip link add far type veth peer name wan0 netns ${far.name}; sysctl -qw net.ipv4.ip_forward=1
sysctl -qw net.ipv4.conf.all.proxy_arp=1 net.ipv4.conf.near.proxy_arp=1
ip link set near up; ip link set far up; ip addr add 203.0.113.1/32 dev near
ip route add 192.0.2.8 dev near; ip route add 192.0.2.16 dev far`)
      far.run('ip link set wan0 up; ip addr add 192.0.2.16/32 dev wan0; ip route add 192.0.2.8 dev wan0')
      router.run('sysctl -qw net.ipv4.conf.far.proxy_arp=1')
      // A router's word is believed for ten minutes; here for a second, and not beyond a test.
      shell('sysctl -qw net.ipv4.route.mtu_expires=1')
      far.run('sysctl -qw net.ipv4.route.mtu_expires=1')
      far.run(renderTunnelCommands(b.plan))
      driver = createNetlinkDriver()
      plan = a.plan
      await netlink({...base, key: stepKey(`link ${device}`), do: 'link-create', link: plan.links[0]!})
      await netlink({...base, key: stepKey('address'), do: 'address-add', address: plan.addresses[0]!})
      shell(`ping -c 1 -W 2 ${plan.tunnels[0]!.peer}`)
    })
    beforeEach(() => {
      state = mkdtempSync(join(tmpdir(), 'isthmus-path-'))
      plan = a.plan
    })
    afterEach(async () => {
      await stop()
      rmSync(state, {recursive: true})
      router.run('ip link set near mtu 1500; ip link set far mtu 1500; nft flush ruleset')
      far.run(`ip link set ${farDevice} mtu 1450; ip route flush cache`)
      shell('ip route flush cache')
    })
    after(() => {
      driver.close()
      router.remove()
      far.remove()
    })
    /** A black hole: what is too large is lost without a word. */
    const silence = (): void => {
      router.run(
        'nft -f -',
        'table ip t { chain o { type filter hook output priority 0; icmp type destination-unreachable drop; }; }',
      )
    }

    it('is left alone where the path carries what was computed', async () => {
      await start()
      await eventually(() => (health.readings().get(device)?.full.passedInRow ?? 0) > 3, 10_000)
      assert.deepEqual([mtu(), health.limits().size, health.findings()], [1450, 0, []])
    })

    it('of an uplink that carries more than Ethernet does is Ethernet’s until more has passed, and then that', async () => {
      shell('ip link set wan0 mtu 2000')
      router.run('ip link set near mtu 2000; ip link set far mtu 2000')
      far.run(`ip link set wan0 mtu 2000; ip link set ${farDevice} mtu 1950`)
      underlayMtus = new Map(uplinkMtus(a.config.uplinks))
      assert.deepEqual([...underlayMtus], [['wan', 2000]])
      try {
        await start(500)
        await eventually(() => health.findings()[0]?.severity === 'info')
        assert.equal(mtus[0], 1450)
        await eventually(saved, 20_000)
        await isMtu(1950)
        assert.deepEqual(saved(), {[device]: {configured: 1950, found: 1950}})
        assert.deepEqual([health.findings(), health.limits().get(device)], [[], {device: 1950, clamp: 1950}])
      } finally {
        underlayMtus = new Map()
        shell(`ip link set ${device} mtu 1450; ip link set wan0 mtu 1500`)
        far.run(`ip link set ${farDevice} mtu 1450; ip link set wan0 mtu 1500`)
      }
    })

    for (const [way, link] of [
      ['out', 'far'],
      ['back', 'near'],
    ] as const) {
      it(`is lowered to what a narrow link on the way ${way} carries, silently too, and named`, async () => {
        silence()
        await start()
        narrow(link, 1400)
        await isMtu(1350)
        await eventually(saved)
        assert.deepEqual(saved(), {[device]: {configured: 1450, found: 1350}})
        const [finding, ...others] = health.findings()
        assert.deepEqual([finding?.code, finding?.where.key, others], ['path-mtu', device, []])
        assert.match(finding!.detail, /tunnel wan b\/b1\/wan 0 carries 1350 bytes, not the 1450/)
        assert.match(shell(`ping -c 1 -W 2 -M do -s 1322 ${plan.tunnels[0]!.peer}`), /1 received/)
      })
    }

    it('is what the tunnel that follows it begins with', async () => {
      await start()
      narrow('far', 1400)
      await isMtu(1350)
      const next: Tunnel = {...plan.tunnels[0]!, slot: 1, device: 'is-next'}
      plan = {...plan, tunnels: [...plan.tunnels, next], mtus: new Map([...plan.mtus, [next.device, 1450]])}
      await eventually(() => health.limits().get(next.device)?.device === 1350, 5000)
    })

    it('is lowered where a router tells, and again when the path shrinks again', async () => {
      narrow('far', 1400)
      await start()
      await isMtu(1350)
      narrow('far', 1300)
      await isMtu(1250)
    })

    it('stays lowered over a restart from the first moment, and rises when the path carries more for some time', async () => {
      silence()
      await start()
      narrow('far', 1400)
      await isMtu(1350)
      await stop()
      await start(1000)
      assert.deepEqual(mtus, [1350])
      await eventually(() => mtus.includes(1450), 10_000)
      // That was a trial, and MSS did not follow it; the path is as narrow as before.
      await eventually(() => mtus.at(-1) === 1350, 10_000)
      assert.equal(health.findings()[0]?.code, 'path-mtu')
      router.run('ip link set far mtu 1500; nft flush ruleset')
      await eventually(() => health.limits().get(device)?.device === 1450, 10_000)
      assert.equal(health.limits().get(device)?.clamp, 1350)
      await eventually(() => health.limits().size === 0, 20_000)
      assert.deepEqual([mtu(), health.findings()], [1450, []])
      await eventually(() => JSON.stringify(saved()) === '{}')
    }).timeout(60_000)

    it('what was saved and cannot be read is set aside, said, and counts as nothing', async () => {
      writeFileSync(join(state, 'path-mtu.json'), '{"schema":1,"tunnels":{"is-b":{"found":"x"}}}')
      await start()
      assert.deepEqual([health.findings()[0]?.code, health.limits().size], ['state-unreadable', 0])
    })
  })
})
