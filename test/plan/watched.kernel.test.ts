import assert from 'node:assert/strict'
import {createNftDriver, type NftDriver} from '../../src/apply/index.ts'
import {type Direction, type JudgedElement, type Policy, WATCHED_MARK, type World} from '../../src/model/index.ts'
import {attributor} from '../../src/policy/counting/index.ts'
import {type Compiled, createPolicyTotals, type PolicyTotals} from '../../src/policy/index.ts'
import {entity, policy, rule} from '../policy/worlds.ts'
import {createFlowEnds} from '../support/flow-process.ts'
import {makeFlowRouter} from '../support/flow-router.ts'
import {ANSWER, ASKER, createEnforcer, START} from '../support/flow-worlds.ts'
import {eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'

type Protocol = 'tcp' | 'udp'
const NUMBERS = {tcp: 6, udp: 17} as const
const PATIENCE_MS = 10_000

const withStaged = (staged: readonly Policy[], inForce: readonly Policy[] = []): World => {
  const {policies} = START
  return {...START, staged, policies: {...policies, policies: [...policies.policies, ...inForce]}}
}

/** Would deny what the asker asks on this port, at its own egress or at the ingress of what answers. */
function denies(direction: Direction, protocol: Protocol, port: number): Policy {
  const destination = entity({ports: {ranges: [{first: port, last: port}], names: []}})
  const rules = [rule('Deny', {protocol: NUMBERS[protocol], destination})]
  const selector = direction === 'egress' ? "app == 'web'" : "app == 'db'"
  const base = {types: [direction], order: 0, selector, [direction]: rules}
  return {...policy(`no-${direction}`, base), kind: 'StagedGlobalNetworkPolicy'}
}

inNamespace(import.meta.url, () => {
  describe('flows that a staged policy would deny, in the real kernel', () => {
    let driver: NftDriver
    let near: Namespace
    let far: Namespace
    let bring: ReturnType<typeof createEnforcer>
    let compiled: Compiled
    let totals: PolicyTotals
    let elements: JudgedElement[]
    const ends = createFlowEnds()
    const enforce = async (now: World): Promise<void> => {
      compiled = await bring(now)
    }
    /** Takes what was counted, as the gateway does before each change. */
    const take = async (): Promise<void> => {
      const attribute = attributor(compiled)
      const counts = await driver.takeJudged()
      assert.equal(counts.beyond, 0)
      for (const element of counts.elements) {
        elements.push(element)
        totals.add(element, attribute(element))
      }
    }
    const dropped = async (): Promise<number> =>
      [...(await driver.readCounters())].reduce((sum, [, {packets}]) => sum + packets, 0)
    const flowOf = (protocol: Protocol, port: number): string =>
      `-p ${protocol} --orig-src ${ASKER} --orig-dst ${ANSWER} --sport ${port} --dport ${port}`
    /** Packets of the flow, both ways, as conntrack counts them. */
    const inConntrack = (protocol: Protocol, port: number): number =>
      [...shell(`conntrack -L ${flowOf(protocol, port)} 2>/dev/null`).matchAll(/packets=(\d+)/g)].reduce(
        (sum, [, packets]) => sum + Number(packets),
        0,
      )
    const markOf = (protocol: Protocol, port: number): number =>
      Number(/mark=(\d+)/.exec(shell(`conntrack -L ${flowOf(protocol, port)} 2>/dev/null`))![1])
    const ask = async (protocol: Protocol, port: number): Promise<() => number> => {
      await ends.start(near, 'serve', protocol, ANSWER, port)
      return ends.start(far, 'ask', protocol, ASKER, port, ANSWER, port)
    }
    const countedOf = (port: number): number =>
      elements.filter((element) => element.port === port).reduce((sum, {packets}) => sum + packets, 0)

    before(async function () {
      this.timeout(20_000)
      driver = createNftDriver()
      bring = createEnforcer(driver)
      ;({near, far} = makeFlowRouter())
      shell('sysctl -qw net.netfilter.nf_conntrack_acct=1')
    })
    beforeEach(() => {
      totals = createPolicyTotals()
      elements = []
    })
    afterEach(() => ends.stop())
    after(async () => {
      for (const namespace of [near, far]) namespace?.remove()
      await driver?.close()
    })

    let port = 5000
    for (const protocol of ['tcp', 'udp'] as const) {
      for (const direction of ['egress', 'ingress'] as const) {
        it(`${protocol}, ${direction}: all packets are counted, both ways, and none is dropped; others are trusted`, async () => {
          port += 2
          const [watched, other] = [port, port + 1]
          await enforce(withStaged([denies(direction, protocol, watched)]))
          await take()
          ;[totals, elements] = [createPolicyTotals(), []]
          const before = await dropped()
          const answers = await ask(protocol, watched)
          const others = await ask(protocol, other)
          await eventually(() => (answers() > 20 && others() > 20 ? true : null), PATIENCE_MS)
          assert.equal(markOf(protocol, watched), Number(WATCHED_MARK))
          assert.ok(markOf(protocol, other) >>> 8 > 1)
          await take()
          ends.stop()
          // Those that end say so in a few packets more: both counts of one moment.
          const packets = await eventually(async () => {
            await take()
            const now = inConntrack(protocol, watched)
            return countedOf(watched) === now ? now : null
          }, PATIENCE_MS)
          assert.ok(packets > 40, `${packets} packets`)
          assert.deepEqual(
            totals.staged().map(({bytes: _, ...total}) => total),
            [{...{tier: 'default', policy: `no-${direction}`, direction, would: 'deny'}, flows: 1, packets}],
          )
          // SYNs are always judged, and UDP's first packet.
          assert.ok(countedOf(other) <= 3, `${countedOf(other)} of the other flow`)
          assert.equal(await dropped(), before)
        }).timeout(60_000)
      }

      it(`${protocol}: from when it is staged, over changes of other policies, until it is staged no more`, async () => {
        port += 2
        await enforce(withStaged([]))
        const before = await dropped()
        const answers = await ask(protocol, port)
        await eventually(() => (answers() > 10 ? true : null), PATIENCE_MS)
        await take()
        assert.ok(countedOf(port) <= 3)

        const staged = [denies('ingress', protocol, port)]
        await enforce(withStaged(staged))
        await eventually(() => markOf(protocol, port) === Number(WATCHED_MARK), PATIENCE_MS)
        await take()
        // From here on every packet: one that is on its way through the router is in both counts or in neither soon.
        const [missing, flows] = [inConntrack(protocol, port) - countedOf(port), answers()]
        for (let turn = 0; turn < 6; turn++) {
          // Denies others, so that classes change and the way has stages.
          const more = policy(`more${turn}`, {
            types: ['ingress'],
            order: 0,
            selector: "app == 'db'",
            ingress: [rule('Deny', {source: entity({selector: `app == 'none${turn}'`})})],
          })
          await take()
          await enforce(withStaged(staged, turn % 2 === 0 ? [more] : []))
          await eventually(() => answers() > flows + 4 * turn, PATIENCE_MS)
        }
        const trusted = await eventually(async () => {
          await take()
          const now = inConntrack(protocol, port) - countedOf(port)
          return Math.abs(now - missing) <= 2 ? now : null
        }, PATIENCE_MS)
        assert.ok(Math.abs(trusted - missing) <= 2)

        await take()
        await enforce(withStaged([]))
        await eventually(() => markOf(protocol, port) !== Number(WATCHED_MARK), PATIENCE_MS)
        await take()
        const stopped = totals.staged().map(({packets}) => packets)
        const [at, judged] = [answers(), countedOf(port)]
        await eventually(() => (answers() > at + 20 ? true : null), PATIENCE_MS)
        await take()
        assert.deepEqual(
          totals.staged().map(({packets}) => packets),
          stopped,
        )
        assert.ok(countedOf(port) - judged <= 2)
        assert.equal(await dropped(), before)
      }).timeout(40_000)
    }
  })
})
