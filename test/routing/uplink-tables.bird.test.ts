import assert from 'node:assert/strict'
import {createNetlinkDriver, type NetlinkDriver} from '../../src/apply/index.ts'
import {diffRules} from '../../src/diff/index.ts'
import {
  type GatewayConfig,
  type LocalUplink,
  sourceRules,
  sourceRuleText,
  type UplinkName,
} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {TestBird} from '../support/bird.ts'
import {configOf, type Sketch, worldOf} from '../support/interconnect.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'

/** Two lines, each to a router that takes nothing but its own customer's address; far is behind both. */
const FAMILIES = {
  4: {ends: ['198.51.100.2', '203.0.113.2'], routers: ['198.51.100.1', '203.0.113.1'], far: '192.0.2.99', bits: 30},
  6: {
    ends: ['2001:db8:1::2', '2001:db8:2::2'],
    routers: ['2001:db8:1::1', '2001:db8:2::1'],
    far: '2001:db8:9::9',
    bits: 126,
  },
} as const
type Family = keyof typeof FAMILIES
const SKETCH: Sketch = {sites: [{name: 'a', number: 1}]}

function configWith(family: Family, ways: readonly boolean[]): GatewayConfig {
  const {ends, routers} = FAMILIES[family]
  const uplinks = ends.map((address, index): LocalUplink => {
    const device = `wan${index}`
    const way = {gateway: routers[index] as Address, device, table: 1790 + index}
    const base = {name: device as UplinkName, address: address as Address, public: null, device}
    return {...base, inner: {4: [], 6: []}, ...(ways[index] ? {way} : {})}
  })
  return {...configOf(SKETCH, 'a'), uplinks}
}

inNamespace(import.meta.url, () => {
  for (const family of [4, 6] as const) {
    describe(`two uplinks over IPv${family}, each with a router of its own`, function () {
      this.timeout(60_000)
      const {signal} = new AbortController()
      const {ends, routers, far, bits} = FAMILIES[family]
      const ip = `ip -${family}`
      const spaces: Namespace[] = []
      let bird: TestBird
      let netlink: NetlinkDriver

      before(async () => {
        const end = createNamespace('far')
        spaces.push(end)
        end.run(`ip address add ${far}/${family === 4 ? 32 : 128} dev lo`)
        for (const [index, router] of routers.entries()) {
          const space = createNamespace(`r${index}`)
          spaces.push(space)
          const [near, beyond] =
            family === 4 ? [`10.9.${index}.1`, `10.9.${index}.2`] : [`fd09:${index}::1`, `fd09:${index}::2`]
          shell(`ip link add wan${index} type veth peer name gw netns ${space.name}
ip address add ${ends[index]}/${bits} dev wan${index} ${family === 6 ? 'nodad' : ''}; ip link set wan${index} up`)
          space.run(`sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip link add far type veth peer name r${index} netns ${end.name}
ip address add ${router}/${bits} dev gw ${family === 6 ? 'nodad' : ''}; ip address add ${near}/${bits} dev far ${family === 6 ? 'nodad' : ''}
ip link set gw up; ip link set far up
nft 'table inet strict { chain in { type filter hook forward priority 0; iifname "gw" ${family === 4 ? 'ip' : 'ip6'} saddr != ${ends[index]} drop; }; }'`)
          end.run(`ip address add ${beyond}/${bits} dev r${index} ${family === 6 ? 'nodad' : ''}; ip link set r${index} up
${ip} route add ${ends[index]} via ${near} dev r${index}`)
          space.run(`${ip} route add ${far} via ${beyond} dev far`)
        }
        shell(`${ip} route add default via ${routers[0]} dev wan0`)
        bird = await new TestBird({name: process.env.ISTHMUS_TEST_NAMESPACE} as Namespace).start()
        netlink = createNetlinkDriver()
      })
      after(async () => {
        netlink.close()
        await bird.remove()
        for (const space of spaces) space.remove()
        shell(`${ip} route flush table all proto bird; for way in wan0 wan1; do ip link delete $way || true; done`)
      })

      async function put(...ways: boolean[]): Promise<void> {
        const config = configWith(family, ways)
        const input = {config, world: worldOf(new Map()), tunnels: [], passwords: new Map(), draining: false}
        await bird.reload(renderBird(planRouting(input).bird))
        const steps = diffRules(sourceRules(config), (await netlink.read(signal)).sourceRules)
        for (const outcome of await netlink.apply(steps, signal)) assert.ok(outcome.ok, JSON.stringify(outcome))
        assert.deepEqual(diffRules(sourceRules(config), (await netlink.read(signal)).sourceRules), [])
      }
      const answers = (index: number): boolean => {
        try {
          shell(`ping -q -c 1 -W 1 -I ${ends[index]} ${far}`)
          return true
        } catch {
          return false
        }
      }
      const wayOf = (index: number): string => {
        try {
          return /dev (\S+)/.exec(shell(`${ip} route get ${far} from ${ends[index]}`))![1]!
        } catch {
          return 'none'
        }
      }

      it('without: what the second sends leaves by the first, whose router does not take it', async () => {
        await put(false, false)
        assert.deepEqual([wayOf(0), wayOf(1)], ['wan0', 'wan0'])
        await eventually(async () => answers(0), 10_000)
        assert.equal(answers(1), false)
      })

      it('with: each by its own; neighbours on the line are reached without the router', async () => {
        await put(true, true)
        await eventually(async () => wayOf(1) === 'wan1', 5000)
        await eventually(async () => answers(0) && answers(1), 5000)
        assert.match(shell(`${ip} route show table 1791`), /^(203\.0\.113\.0\/30|2001:db8:2::\/126) dev wan1 /m)
      })

      it('while its device is down it has no way, and never the other’s', async () => {
        shell('ip link set wan1 down')
        await eventually(async () => wayOf(1) === 'none', 5000)
        assert.equal(answers(0), true)
        shell(`ip link set wan1 up; ip address replace ${ends[1]}/${bits} dev wan1 ${family === 6 ? 'nodad' : ''}`)
        await eventually(async () => wayOf(1) === 'wan1', 5000)
        await eventually(async () => answers(1), 5000)
      })

      it('a rule that goes is told of, and made again; others’ stay as they are', async () => {
        const told: string[] = []
        const stop = netlink.watch((what) => void told.push(what))
        shell(`${ip} rule add from ${ends[0]} lookup 77 priority 1780 protocol 4`)
        shell(`${ip} rule delete from ${ends[1]} lookup 1791 priority 1791`)
        await eventually(async () => told.includes('rule'), 2000)
        stop()
        const {sourceRules: held} = await netlink.read(signal)
        assert.deepEqual(held.map(sourceRuleText), [`from ${ends[0]} lookup 1790`])
        await put(true, true)
        assert.equal(wayOf(1), 'wan1')
        await put(false, false)
        assert.match(shell(`${ip} rule show`), /lookup 77/)
        shell(`${ip} rule delete priority 1780`)
      })

      it('taken out of the file: nobody asks its table any more', async () => {
        await put(true, true)
        await put(false, false)
        assert.deepEqual((await netlink.read(signal)).sourceRules, [])
        assert.equal(wayOf(1), 'wan0')
      })
    })
  }
})
