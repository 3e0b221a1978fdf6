import assert from 'node:assert/strict'
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {Worker} from 'node:worker_threads'
import {createNftDriver, type JudgedCounts, type NftDriver} from '../../src/apply/index.ts'
import {diffNft} from '../../src/diff/index.ts'
import {judgedNftSets, type NftChain, type NftTable} from '../../src/model/index.ts'
import {compilePolicy} from '../../src/policy/compile/index.ts'
import type {Packet} from '../../src/policy/oracle/index.ts'
import {frameOf, frameSender} from '../policy/raw-packet.ts'
import {address, attributes, entity, policy, rule, tier, world} from '../policy/worlds.ts'
import {bringNft} from '../support/bring-nft.ts'
import {makeLoopRouter, ROUTER_MAC} from '../support/loop-router.ts'
import {eventually, inNamespace, shell} from '../support/namespace.ts'

const signal = new AbortController().signal
/** `TURNS=1000 npx mocha …` is the longer run. */
const TURNS = Number(process.env.TURNS ?? 12)

const [A, B, A6, B6] = ['10.1.0.1', '10.2.0.1', 'fd01::1', 'fd02::1'].map(address)
const STRANGER = address('10.2.0.99')
const ends = [A, B, A6, B6].map((at, index) => ({
  at: `${at}/${index < 2 ? 32 : 128}`,
  site: index % 2 === 0 ? 'a' : 'b',
  set: attributes('pod', {labels: {app: index % 2 === 0 ? 'asks' : 'answers'}}),
}))
const judgedWorld = world(
  ends,
  [tier('default', 1)],
  [
    policy('p', {
      egress: [rule('Allow')],
      ingress: [rule('Allow', {protocol: 17, source: entity({selector: 'all()'})})],
    }),
  ],
)
const compiled = compilePolicy(judgedWorld, {default: 'deny', previous: null, firstClass: 0xfffe})
const numberOf = (at: Packet['from']): number => compiled.state.numbering.hosts.get(at) ?? 0

/** The policy as in the plan's frame; each packet is judged, also those of judged flows, which bear a mark. */
const chain = (name: string, rules: string[], hook: NftChain['hook'] = null): NftChain => ({name, rules, hook})
const FRAME = [
  chain('allowed', ['meta mark set 0x00000000 meta priority set none', 'ct mark set 0x00000100', 'accept']),
  chain('forward', ['ct state invalid counter name "invalid" drop', 'counter name "judged"', 'goto judge'], {
    type: 'filter',
    hook: 'forward',
    priority: 0,
    policy: 'drop',
  }),
]
const tableWith = (size?: number): NftTable => ({
  family: 'inet',
  name: 'isthmus',
  counters: [...compiled.counters, 'invalid', 'judged'],
  sets: new Map([...compiled.sets.values(), ...judgedNftSets(size)].map((set) => [set.name, set])),
  chains: new Map([...compiled.chains.values(), ...FRAME].map((one) => [one.name, one])),
})

const sum = (taken: JudgedCounts): number => taken.elements.reduce((total, {packets}) => total + packets, taken.beyond)

inNamespace(import.meta.url, () => {
  describe('judged packets, as the kernel counts them', () => {
    let driver: NftDriver
    let sender: ReturnType<typeof frameSender>
    let label = 0
    const send = (packet: Packet): void => sender.send(frameOf(packet, ++label, ROUTER_MAC))
    const packetsOf = async (counter: string): Promise<number> =>
      (await driver.readCounters()).get(counter)?.packets ?? 0
    const arrived = (count: number) => eventually(async () => (await packetsOf('judged')) === count)
    const datagram = (port: number, sourcePort = 1000): Packet => ({
      from: A!,
      to: B!,
      protocol: 17,
      sourcePort,
      destinationPort: port,
    })

    before(() => {
      makeLoopRouter()
      sender = frameSender('near')
    })
    after(() => sender.close())
    beforeEach(async () => {
      shell('nft flush ruleset; conntrack -F 2>/dev/null')
      driver = createNftDriver()
      await bringNft(driver, tableWith())
    })
    afterEach(() => driver.close())

    it('by pair, protocol and port, flows that bore no mark apart', async () => {
      const icmp = {from: A!, to: B!, protocol: 1, icmpType: 8, icmpCode: 0}
      const tcp = {from: B!, to: A!, protocol: 6, sourcePort: 7, destinationPort: 443}
      const sent: {packet: Packet; times: number; port: number | null; allowed: boolean}[] = [
        {packet: datagram(53), times: 3, port: 53, allowed: true},
        {packet: datagram(54), times: 1, port: 54, allowed: true},
        {packet: {...datagram(53), to: STRANGER}, times: 2, port: 53, allowed: true},
        {packet: icmp, times: 2, port: 8 * 256, allowed: false},
        {packet: tcp, times: 1, port: 443, allowed: false},
        {packet: {from: A!, to: B!, protocol: 50}, times: 2, port: null, allowed: false},
        {packet: {...datagram(5353), from: A6!, to: B6!}, times: 2, port: 5353, allowed: true},
        {packet: {...icmp, from: A6!, to: B6!, protocol: 58, icmpType: 128}, times: 1, port: 128 * 256, allowed: false},
      ]
      for (const {packet, times} of sent) for (let time = 0; time < times; time++) send(packet)
      await arrived(sent.reduce((total, {times}) => total + times, 0))
      const expected = sent.flatMap(({packet, times, port, allowed}) => {
        const {protocol} = packet
        const bytes = frameOf(packet, 1, ROUTER_MAC).length - 14
        const base = {source: numberOf(packet.from), destination: numberOf(packet.to), protocol, port}
        const first = allowed ? 1 : times
        const counted = (fresh: boolean, packets: number) =>
          packets === 0 ? [] : [{...base, fresh, packets, bytes: packets * bytes}]
        return [...counted(true, first), ...counted(false, times - first)]
      })
      const {elements, beyond} = await driver.takeJudged()
      assert.deepEqual(sorted(elements), sorted(expected))
      assert.equal(beyond, 0)
      assert.deepEqual(await driver.takeJudged(), {elements: [], beyond: 0})
      send(datagram(53))
      await arrived(15)
      assert.equal(sum(await driver.takeJudged()), 1)
    })

    it('leave nothing to do for a diff, whichever set is written', async () => {
      for (let turn = 0; turn < 3; turn++) {
        send(datagram(53))
        await arrived(turn + 1)
        await driver.takeJudged()
        assert.deepEqual(diffNft(tableWith(), await driver.read(signal)), [])
        const other = createNftDriver()
        assert.deepEqual(diffNft(tableWith(), await other.read(signal)), [])
        await other.close()
      }
      assert.match(shell('nft list chain inet isthmus count_new'), /@judged_new_/)
    })

    it('change no verdict where the sets are full, and count as beyond', async () => {
      await bringNft(driver, tableWith(2))
      await driver.takeJudged()
      for (let port = 1; port <= 5; port++) send(datagram(port, port))
      await arrived(5)
      const taken = await driver.takeJudged()
      assert.equal(taken.elements.length, 2)
      assert.deepEqual([sum(taken), taken.beyond], [5, 3])
      assert.equal(await packetsOf('deny_ingress_b'), 0)
    })

    it('go on with the next process, and after a full read', async () => {
      send(datagram(53))
      await arrived(1)
      await driver.takeJudged()
      send(datagram(53))
      await arrived(2)
      await driver.close()
      driver = createNftDriver()
      await driver.read(signal)
      send(datagram(53))
      await arrived(3)
      driver.distrust()
      await driver.read(signal)
      assert.equal(sum(await driver.takeJudged()), 2)
      assert.equal(sum(await driver.takeJudged()), 0)
    })

    it('are nothing without a table, and counted anew in a new one', async () => {
      send(datagram(53))
      await arrived(1)
      shell('nft flush ruleset')
      assert.deepEqual(await driver.takeJudged(), {elements: [], beyond: 0})
      driver.distrust()
      await bringNft(driver, tableWith())
      send(datagram(54))
      await arrived(1)
      assert.equal(sum(await driver.takeJudged()) + sum(await driver.takeJudged()), 1)
    })

    it('are all there, and once, while the sets change places under a flood and others commit', async () => {
      const running = new Int32Array(new SharedArrayBuffer(4)).fill(1)
      // Denied flows are new with each packet; many ports, so that the kernel's tables grow.
      const frames = Array.from({length: 3000}, (_, port) =>
        frameOf({...datagram(port + 1, 5), protocol: port % 2 === 0 ? 17 : 6}, 1, ROUTER_MAC),
      )
      const flood = new Worker(new URL('../policy/frame-flood.ts', import.meta.url), {
        workerData: {device: 'near', frames, running},
      })
      const others = spawn('sh', ['-c', 'while nft add table ip other; do sleep 0.05; done'], {stdio: 'ignore'})
      await eventually(async () => (await packetsOf('judged')) > 0, 10_000)
      let total = 0
      for (let turn = 0; turn < TURNS; turn++) {
        const [taken] = await Promise.all([driver.takeJudged(), driver.raiseGeneration()])
        total += sum(taken)
        if (turn % 8 === 4) driver.distrust()
        assert.deepEqual(diffNft(tableWith(), await driver.read(signal)), [])
      }
      const ended = once(flood, 'message')
      Atomics.store(running, 0, 0)
      await ended
      const left = once(others, 'exit')
      others.kill()
      await left
      const judged = await eventually(async () => {
        const before = await packetsOf('judged')
        await driver.takeJudged().then((taken) => {
          total += sum(taken)
        })
        return before === (await packetsOf('judged')) && before
      }, 10_000)
      total += sum(await driver.takeJudged()) + sum(await driver.takeJudged())
      assert.ok(judged > 10_000, `${judged} packets`)
      assert.equal(total, judged)
    }).timeout(Math.max(60_000, TURNS * 2000))
  })
})

const sorted = (elements: JudgedCounts['elements']): string[] =>
  elements.map((one) => JSON.stringify(one, FIELDS)).sort()
const FIELDS = ['source', 'destination', 'protocol', 'port', 'fresh', 'packets', 'bytes']
