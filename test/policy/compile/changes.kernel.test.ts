import assert from 'node:assert/strict'
import {once} from 'node:events'
import {setTimeout as delay} from 'node:timers/promises'
import {Worker} from 'node:worker_threads'
import {Held} from '../../../src/apply/nft/held.ts'
import {createNftRunner} from '../../../src/apply/nft/runner.ts'
import {composeTransaction} from '../../../src/apply/nft/transaction.ts'
import {diffNft} from '../../../src/diff/index.ts'
import {DRAIN_MS, type NftChain, type NftTable} from '../../../src/model/index.ts'
import {type Compiled, compilePolicy} from '../../../src/policy/compile/index.ts'
import {makeLoopRouter, ROUTER_MAC} from '../../support/loop-router.ts'
import {inNamespace, shell} from '../../support/namespace.ts'
import {frameOf} from '../raw-packet.ts'
import {address, attributes, policy, rule, tier, world} from '../worlds.ts'

/** `CHANGES=3000 npx mocha …` is the longer run. Without stages one or two packets of 300 changes pass that must not. */
const CHANGES = Number(process.env.CHANGES ?? 300)

const pod = (at: string, site: string, role: string) => ({
  at: `${at}/32`,
  site,
  set: attributes('pod', {labels: {role}}),
})
const members = [
  pod('10.1.0.1', 'a', 'refused'),
  pod('10.2.0.1', 'b', 'closed'),
  pod('10.1.0.2', 'a', 'free'),
  pod('10.2.0.2', 'b', 'open'),
  pod('10.2.0.3', 'b', 'other'),
]
const tiers = [tier('default', 1)]
const select = (name: string, role: string, direction: 'ingress' | 'egress', rules = [] as ReturnType<typeof rule>[]) =>
  policy(name, {selector: `role == '${role}'`, types: [direction], [direction]: rules})

/**
 * Both refuse `refused → closed`, one at the source and the other at the destination; both allow `free → open`. The
 * second tells `open` from `other`, which the first does not, so that addresses get other numbers each time.
 */
const POLICIES = [
  [select('p', 'closed', 'ingress')],
  [select('p', 'refused', 'egress'), select('q', 'open', 'ingress', [rule('Allow')])],
]
const NEVER = {from: address('10.1.0.1'), to: address('10.2.0.1'), protocol: 17, sourcePort: 7, destinationPort: 7}
const ALWAYS = {from: address('10.1.0.2'), to: address('10.2.0.2'), protocol: 17, sourcePort: 7, destinationPort: 7}

/** Every packet is judged; what no stage ever touches is the frame. */
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

/** What comes into the router and what leaves it, whatever becomes of it elsewhere. */
const COUNTERS = `table ip seen {
  chain coming { type filter hook prerouting priority -500; ${countRules()} }
  chain leaving { type filter hook postrouting priority 500; ${countRules()} }
}`
function countRules(): string {
  return [NEVER, ALWAYS].map(({to}) => `ip daddr ${to} counter;`).join(' ')
}

inNamespace(import.meta.url, () => {
  describe('policies that change under a flood', () => {
    before(() => {
      makeLoopRouter()
      shell('nft -f -', COUNTERS)
    })

    it('lose nothing that both allow, and let nothing through that both refuse', async () => {
      const held = new Held()
      let hasTable = false
      const runner = createNftRunner()
      const putInForce = async (part: Pick<Compiled, 'sets' | 'chains' | 'counters'>): Promise<void> => {
        const steps = diffNft(tableOf(part), hasTable ? held : null)
        if (steps.length === 0) return
        const input = {table: 'judged', steps, held: hasTable ? held : null, generation: 1, ruleTexts: new Map()}
        const script = composeTransaction(input).map(({text}) => `${text}\n`)
        assert.equal(await runner.run(script.join('')), null)
        held.apply(steps)
        hasTable = true
      }
      const worlds = POLICIES.map((policies) => world(members, tiers, policies))
      const compile = (index: number, previous: Compiled | null): Compiled =>
        compilePolicy({...worlds[index % 2]!, memberRevision: index}, {default: 'allow', previous, firstClass: 1})
      let compiled = compile(0, null)
      await putInForce(compiled)

      const running = new Int32Array(new SharedArrayBuffer(4)).fill(1)
      const frames = [NEVER, ALWAYS].map((packet) => frameOf(packet, 1, ROUTER_MAC))
      const flood = new Worker(new URL('../frame-flood.ts', import.meta.url), {
        workerData: {device: 'near', frames, running},
      })
      let stages = 0
      for (let change = 1; change <= CHANGES; change++) {
        compiled = compile(change, compiled)
        stages += compiled.stages.length
        for (const part of [...compiled.stages, compiled]) {
          await putInForce(part)
          await delay(DRAIN_MS)
        }
      }
      const ended = once(flood, 'message')
      Atomics.store(running, 0, 0)
      const [rounds] = await ended
      runner.close()

      const [neverCame, alwaysCame, neverLeft, alwaysLeft] = counts()
      assert.ok(stages >= 4 * CHANGES, `${stages} stages`)
      assert.ok(Number(rounds) > 100 * CHANGES && neverCame! > 100 * CHANGES, `${rounds} rounds, ${neverCame} came`)
      assert.equal(neverLeft, 0)
      assert.equal(alwaysLeft, alwaysCame)
    }).timeout(Math.max(60_000, CHANGES * 1000))
  })
})

function counts(): number[] {
  return [...shell('nft list table ip seen').matchAll(/counter packets (\d+)/g)].map(([, packets]) => Number(packets))
}
