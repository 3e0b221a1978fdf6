import assert from 'node:assert/strict'
import fc from 'fast-check'
import {createNftDriver} from '../../../src/apply/index.ts'
import type {NftChain, NftTable} from '../../../src/model/index.ts'
import {familyOf} from '../../../src/net/index.ts'
import {type Compiled, compilePolicy} from '../../../src/policy/compile/index.ts'
import {attributor, createPolicyTotals} from '../../../src/policy/counting/index.ts'
import type {Packet} from '../../../src/policy/oracle/index.ts'
import {bringNft} from '../../support/bring-nft.ts'
import {makeLoopRouter, ROUTER_MAC} from '../../support/loop-router.ts'
import {eventually, inNamespace, shell} from '../../support/namespace.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'
import {frameOf, frameSender} from '../raw-packet.ts'
import {metKey, oracleMeets, oracleSays, ruleKey, withoutSourcePorts} from './oracle-says.ts'

/** `KERNEL_WORLDS=1000 npx mocha …` is the longer run. */
const WORLDS = Math.ceil(Number(process.env.KERNEL_WORLDS ?? 40) / 5)

const chain = (name: string, rules: string[], hook: NftChain['hook'] = null): NftChain => ({name, rules, hook})
const FRAME = [
  chain('allowed', ['meta mark set 0x00000000 meta priority set none', 'accept']),
  chain('forward', ['counter name "judged"', 'goto judge'], {
    ...{type: 'filter', hook: 'forward', priority: 0, policy: 'drop'},
  }),
]
const tableOf = (compiled: Compiled): NftTable => ({
  family: 'inet',
  name: 'isthmus',
  counters: [...compiled.counters, 'judged'],
  sets: compiled.sets,
  chains: new Map([...compiled.chains.values(), ...FRAME].map((one) => [one.name, one])),
})

/** Each packet must be of a flow of its own, and none that conntrack calls invalid. */
function ownFlows(all: readonly Packet[]): Packet[] {
  const seen = new Set<string>()
  return all.filter(({from, to, protocol, sourcePort, destinationPort, icmpType}) => {
    const family = familyOf(from)
    if (from === to) return false
    if (icmpType !== undefined) {
      if (protocol !== (family === 4 ? 1 : 58) || !(family === 4 ? [8, 13] : [128]).includes(icmpType)) return false
    }
    const [one, other] = [`${from} ${sourcePort}`, `${to} ${destinationPort}`]
    if (seen.has(`${protocol} ${icmpType} ${one} ${other}`)) return false
    seen.add(`${protocol} ${icmpType} ${one} ${other}`)
    seen.add(`${protocol} ${icmpType} ${other} ${one}`)
    return true
  })
}

inNamespace(import.meta.url, () => {
  describe(`packets of random worlds in the kernel, as they are attributed (SEED=${seed})`, () => {
    let sender: ReturnType<typeof frameSender>
    before(() => {
      makeLoopRouter()
      sender = frameSender('near')
    })
    after(() => sender?.close())

    const drawn = fc.tuple(worlds.map(withoutSourcePorts), verdicts, fc.array(packets, {minLength: 60, maxLength: 60}))
    for (const [index, [known, standard, all]] of fc.sample(drawn, {seed, numRuns: WORLDS}).entries()) {
      it(`world ${index}: by policy and rule they are what the oracle says`, async () => {
        shell('nft flush ruleset; conntrack -F 2>/dev/null')
        const driver = createNftDriver()
        try {
          const compiled = compilePolicy(known, {default: standard, previous: null, firstClass: 0xfffe})
          await bringNft(driver, tableOf(compiled))
          const flows = ownFlows(all)
          for (const [at, packet] of flows.entries()) sender.send(frameOf(packet, at + 1, ROUTER_MAC))
          const judged = async () => (await driver.readCounters()).get('judged')?.packets === flows.length
          await eventually(judged)

          const totals = createPolicyTotals()
          const attribute = attributor(compiled)
          const {elements, beyond} = await driver.takeJudged()
          for (const element of elements) totals.add(element, attribute(element))
          const expected = new Map<string, number>()
          const meets = new Map<string, number>()
          for (const packet of flows) {
            for (const one of oracleMeets(known, standard, packet, compiled)) {
              meets.set(metKey(one), (meets.get(metKey(one)) ?? 0) + 1)
            }
            for (const decided of oracleSays(known, standard, packet)) {
              expected.set(ruleKey(decided), (expected.get(ruleKey(decided)) ?? 0) + 1)
            }
          }
          const counted = totals.rules().map((total): [string, number] => [ruleKey(total), total.flows])
          assert.deepEqual(new Map(counted.sort()), new Map([...expected].sort()))
          const passed = totals.met().map((total): [string, number] => [metKey(total), total.flows])
          assert.deepEqual(new Map(passed.sort()), new Map([...meets].sort()))
          assert.deepEqual([totals.unknown().packets, beyond], [0, 0])
        } finally {
          await driver.close()
        }
      })
    }
  })
})
