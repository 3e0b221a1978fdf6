import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {createNftDriver, type NftDriver} from '../../src/apply/index.ts'
import type {Policy, World} from '../../src/model/index.ts'
import {planRuleset} from '../../src/plan/index.ts'
import {type ChangedMembers, type Compiled, compilePolicy} from '../../src/policy/index.ts'
import {attributes, entity, type Placed, policy, type prefix, rule, tier, world} from '../policy/worlds.ts'
import {bringNft} from '../support/bring-nft.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {configOf, tunnelTo} from '../support/sites.ts'

const FLOW_END = fileURLToPath(new URL('../support/flow-end.ts', import.meta.url))
const TUNNEL = 'is-b-0000'
const tunnel = tunnelTo('b', TUNNEL)
const ANSWER = '10.1.0.5'
const ASKER = '10.2.0.7'

const pod = (at: string, app: string, modRevision = 1): Placed => ({
  at: `${at}/32`,
  site: at === ANSWER ? 'a' : 'b',
  set: attributes('pod', {labels: {app}}),
  modRevision,
})
/** Each may ask the other, whatever comes. */
const bothWays = policy('both-ways', {ingress: [rule('Allow')], egress: [rule('Allow')], order: 10})
const denies = (name: string, app: string): Policy =>
  policy(name, {
    types: ['ingress'],
    order: 1,
    selector: "app == 'db'",
    ingress: [rule('Deny', {source: entity({selector: `app == '${app}'`})})],
  })
const START = world(
  [pod(ANSWER, 'db'), pod(ASKER, 'web')],
  [tier('default', 1)],
  [denies('no-banned', 'banned'), bothWays],
)

const CAUSES: readonly [cause: string, change: (before: World) => World][] = [
  [
    'a new policy',
    (before) => ({
      ...before,
      policies: {...before.policies, policies: [...before.policies.policies, denies('no-web', 'web')]},
    }),
  ],
  ['a changed label set', (before) => withAsker(before, [pod(ASKER, 'banned')])],
  ['another owner of the address', (before) => withAsker(before, [pod(ASKER, 'web'), pod(ASKER, 'banned', 2)])],
]

function withAsker(before: World, holders: readonly Placed[]): World {
  const {members, attributes: sets} = world(holders, [], [])
  return {
    ...before,
    members: new Map([...before.members, ...members]),
    attributes: new Map([...before.attributes, ...sets]),
    memberRevision: before.memberRevision + 1,
  }
}

inNamespace(import.meta.url, () => {
  describe('a deny and the flows that run', () => {
    let driver: NftDriver
    let near: Namespace
    let far: Namespace
    let compiled: Compiled | null = null
    const running: ChildProcess[] = []

    /** As a gateway brings a change into force. */
    const enforce = async (now: World, from: World): Promise<void> => {
      const changes = new Map<ReturnType<typeof prefix>, ChangedMembers>()
      for (const [at, after] of now.members) if (from.members.get(at) !== after) changes.set(at, {after})
      compiled = compilePolicy(now, {default: 'deny', previous: compiled, firstClass: 7, changes})
      const devices = new Map(
        ['lan0', TUNNEL].map((name) => [name, Number(shell(`cat /sys/class/net/${name}/ifindex`))]),
      )
      for (const part of [...compiled.stages, compiled]) {
        const input = {config: configOf(), world: now, tunnels: [tunnel], links: [], uplinkDevices: [], devices}
        const table = planRuleset({...input, policy: part})
        await bringNft(driver, table)
      }
      await driver.raiseGeneration()
    }

    /** One end as a process; how many lines it has printed. */
    const end = async ({name}: Namespace, ...args: (string | number)[]): Promise<() => number> => {
      const child = spawn('ip', ['netns', 'exec', name, process.execPath, FLOW_END, ...args.map(String)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      running.push(child)
      let lines = 0
      child.stdout.on('data', (data) => {
        lines += String(data).split('\n').length - 1
      })
      await eventually(() => (lines > 0 ? true : null))
      return () => lines
    }
    const denied = async (): Promise<number> => (await driver.readCounters()).get('deny_ingress_a')?.packets ?? 0

    before(async function () {
      this.timeout(20_000)
      driver = createNftDriver()
      ;[near, far] = [createNamespace('near'), createNamespace('far')]
      for (const [device, {name}] of [
        ['lan0', near],
        [TUNNEL, far],
      ] as const) {
        shell(`ip link add ${device} type veth peer name eth0 netns ${name}; ip link set ${device} up`)
      }
      shell(`sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
ip address add 10.1.0.1/24 dev lan0
ip address add 100.64.0.0 peer 100.64.0.2 dev ${TUNNEL}
ip route add 10.2.0.0/24 via 100.64.0.2`)
      near.run(`ip link set eth0 up; ip address add ${ANSWER}/24 dev eth0; ip route add default via 10.1.0.1`)
      far.run(`ip link set eth0 up; ip address add 100.64.0.2 peer 100.64.0.0 dev eth0
ip address add ${ASKER}/32 dev lo; ip route add default via 100.64.0.0`)
    })
    after(async () => {
      for (const child of running) child.kill('SIGKILL')
      for (const namespace of [near, far]) namespace?.remove()
      await driver?.close()
    })

    let port = 4000
    for (const protocol of ['tcp', 'udp'] as const) {
      for (const [cause, change] of CAUSES) {
        it(`${protocol}: ${cause} ends one at once, both ways, and a twin's stale state does not revive it`, async () => {
          port++
          compiled = null
          await enforce(START, START)
          await end(near, 'serve', protocol, ANSWER, port)
          const answers = await end(far, 'ask', protocol, ASKER, port, ANSWER, port)
          await eventually(() => (answers() > 5 ? true : null))
          const flow = `-p ${protocol} --orig-src ${ASKER} --orig-dst ${ANSWER} --sport ${port} --dport ${port}`
          const [, stale] = /mark=(\d+)/.exec(shell(`conntrack -L ${flow} 2>/dev/null`))!
          assert.notEqual(stale, '0')

          await enforce(change(START), START)
          const [atDeny, before] = [answers(), await denied()]
          await eventually(async () => ((await denied()) > before + 2 ? true : null))
          // What was on its way through the namespaces at that moment may still have come.
          const settled = answers()
          assert.ok(settled <= atDeny + 1, `${settled - atDeny} answers after the deny`)

          // A twin that takes over has the states as they were when it last heard of them.
          for (const mark of [1, stale]) shell(`conntrack -U ${flow} --mark ${mark}`)
          const revived = await denied()
          await eventually(async () => ((await denied()) > revived + 1 ? true : null))
          assert.equal(answers(), settled)

          // The other direction is allowed, and was all along.
          const reverse = port + 1000
          await end(far, 'serve', protocol, ASKER, reverse)
          const asked = await end(near, 'ask', protocol, ANSWER, reverse, ASKER, reverse)
          await eventually(() => (asked() > 2 ? true : null))
        }).timeout(20_000)
      }
    }
  })
})
