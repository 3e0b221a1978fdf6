import assert from 'node:assert/strict'
import {once} from 'node:events'
import {setTimeout as delay} from 'node:timers/promises'
import {Worker} from 'node:worker_threads'
import {createNftDriver} from '../../../src/apply/index.ts'
import {diffNft} from '../../../src/diff/index.ts'
import {DRAIN_MS, type NftChain, type NftTable} from '../../../src/model/index.ts'
import {type Compiled, compilePolicy, shutPolicy} from '../../../src/policy/compile/index.ts'
import {makeLoopRouter, ROUTER_MAC} from '../../support/loop-router.ts'
import {inNamespace, shell} from '../../support/namespace.ts'
import {frameOf} from '../raw-packet.ts'
import {address, attributes, policy, rule, tier, world} from '../worlds.ts'

const ENDPOINTS = 30_000
const signal = new AbortController().signal
const pod = (at: string, role: string) => ({at: `${at}/32`, site: 'a', set: attributes('pod', {labels: {role}})})
const flow = (to: string) => ({
  ...{from: address('10.1.0.1'), to: address(to), protocol: 17, sourcePort: 7, destinationPort: 7},
})
const NEVER = flow('10.1.0.2')
const ALWAYS = flow('10.1.0.3')
const WORLD = world(
  [
    ...[pod('10.1.0.1', 'from'), pod('10.1.0.2', 'closed'), pod('10.1.0.3', 'open')],
    ...Array.from({length: ENDPOINTS}, (_, n) => pod(`10.2.${n >> 8}.${n & 255}`, `role${n % 20}`)),
  ],
  [tier('default', 1)],
  [
    policy('p', {selector: "role == 'closed'", types: ['ingress'], ingress: []}),
    policy('q', {selector: "role == 'open'", types: ['ingress'], ingress: [rule('Allow')]}),
  ],
)
const FRAME: NftChain[] = [
  {name: 'allowed', hook: null, rules: ['accept']},
  {name: 'forward', hook: {type: 'filter', hook: 'forward', priority: 0, policy: 'drop'}, rules: ['goto judge']},
]
const tableOf = ({sets, chains, counters}: Pick<Compiled, 'sets' | 'chains' | 'counters'>): NftTable => ({
  family: 'inet',
  name: 'judged',
  counters,
  sets,
  chains: new Map([...chains, ...FRAME.map((chain) => [chain.name, chain] as const)]),
})
const countRules = [NEVER, ALWAYS].map(({to}) => `ip daddr ${to} counter;`).join(' ')
const COUNTERS = `table ip seen {
  chain coming { type filter hook prerouting priority -500; ${countRules} }
  chain leaving { type filter hook postrouting priority 500; ${countRules} }
}`
const counts = (): number[] =>
  [...shell('nft list table ip seen').matchAll(/counter packets (\d+)/g)].map(([, packets]) => Number(packets))

/** Until packets of both flows have come that had not. */
async function more([never, always]: number[]): Promise<void> {
  for (let now = counts(); now[0] === never || now[1] === always; now = counts()) await delay(5)
}

inNamespace(import.meta.url, () => {
  describe('a start on an empty kernel, under a flood (decision 0056)', () => {
    it('lets nothing pass while it is shut and filled; what is allowed passes once it is open', async () => {
      makeLoopRouter()
      shell('nft -f -', COUNTERS)
      const driver = createNftDriver({table: 'judged'})
      const putInForce = async (part: Pick<Compiled, 'sets' | 'chains' | 'counters'>): Promise<void> => {
        const outcomes = await driver.apply(diffNft(tableOf(part), await driver.read(signal)), signal)
        assert.deepEqual(
          outcomes.filter(({ok}) => !ok),
          [],
        )
      }
      const running = new Int32Array(new SharedArrayBuffer(4)).fill(1)
      const frames = [NEVER, ALWAYS].map((packet) => frameOf(packet, 1, ROUTER_MAC))
      const flood = new Worker(new URL('../frame-flood.ts', import.meta.url), {
        workerData: {device: 'near', frames, running},
      })
      try {
        const shut = shutPolicy({default: 'allow', firstClass: 1})
        await putInForce(shut)
        await delay(DRAIN_MS)
        await more(counts())
        const atFirst = counts()
        const opened = compilePolicy(WORLD, {default: 'allow', previous: shut, firstClass: 1})
        assert.equal(opened.stages.length, 1)
        await putInForce(opened.stages[0]!)
        assert.equal((await driver.read(signal))!.sets.get('class4')!.elements.size, ENDPOINTS + 3)
        await more(atFirst)
        const filled = counts()
        assert.deepEqual(filled.slice(2), atFirst.slice(2), 'packets came meanwhile, and none passed')
        await putInForce(opened)
        // The flood goes on: what is allowed passes from now on.
        while (counts()[3]! < filled[3]! + 100) await delay(5)
        assert.equal(counts()[2], atFirst[2], 'what is refused has never passed')
      } finally {
        const ended = once(flood, 'message')
        Atomics.store(running, 0, 0)
        await ended
        await driver.close()
      }
    }).timeout(60_000)
  })
})
