import assert from 'node:assert/strict'
import fc from 'fast-check'
import {compilePolicy} from '../../../src/policy/compile/index.ts'
import {logChain} from '../../../src/policy/compile/log-chains.ts'
import {directions, type RuleNote} from '../../../src/policy/oracle/index.ts'
import {interpret} from '../nft-interpreter.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'
import {attributes, policy, rule, tier, world} from '../worlds.ts'

const numRuns = Number(process.env.RUNS ?? 250)

describe(`Log rules (SEED=${seed})`, () => {
  it('tell of a packet exactly if they match before it is decided, and decide nothing', () => {
    let told = 0
    fc.assert(
      fc.property(
        worlds,
        verdicts,
        fc.array(packets, {minLength: 20, maxLength: 40, size: 'max'}),
        (world, standard, flows) => {
          const compiled = compilePolicy(world, {default: standard, previous: null, firstClass: 7})
          const unsupported = new Set(compiled.findings.map(({where}) => `${where.key} ${where.field?.split('.')[0]}`))
          for (const packet of flows) {
            const expected: string[] = []
            const note = (
              direction: 'egress' | 'ingress',
              {action, passedOver, kind, tier, ...said}: RuleNote,
            ): void => {
              const {policy, rule: index} = said
              const where = `${kind} ${policy} ${direction}[${index}]`
              if (action !== 'Log' || passedOver !== null || index === null || unsupported.has(where)) return
              expected.push(logChain({tier: tier!, policy, direction, index}).prefix)
            }
            const ways = directions(world, standard, packet, note)
            if (ways.egress()?.verdict !== 'deny') ways.ingress()
            const logs: string[] = []
            interpret(compiled, packet, logs)
            assert.deepEqual(logs, expected, JSON.stringify(packet))
            told += logs.length
          }
        },
      ),
      {seed, numRuns},
    )
    assert.ok(told > numRuns)
  }).timeout(Math.max(60_000, numRuns * 100))

  it('have one chain each, whatever chains lead to it', () => {
    const pods = ['10.1.0.1', '10.1.0.2'].map((at, index) => ({
      at: `${at}/32`,
      site: 'a',
      set: attributes('pod', {labels: {app: `app${index}`}}),
    }))
    const logs = policy('watch', {types: ['ingress'], ingress: [rule('Log'), rule('Allow', {protocol: 6})]})
    const more = {selector: "app == 'app1'", types: ['ingress'], ingress: [rule('Allow', {protocol: 17})]} as const
    const only = policy('zone', more)
    const {chains} = compilePolicy(world(pods, [tier('default', 1)], [logs, only]), {
      default: 'deny',
      previous: null,
      firstClass: 1,
    })
    const named = [...chains.values()].filter(({name}) => name.startsWith('log_'))
    assert.deepEqual(
      named.map(({rules}) => rules),
      [['limit rate 10/second burst 20 packets log prefix "isthmus default/watch/ingress/0 "']],
    )
    const leading = [...chains.values()].filter(({rules}) => rules.includes(`jump ${named[0]!.name}`))
    assert.ok(leading.length > 1)
  })
})

describe('the prefix of a logged rule', () => {
  const of = (policy: string, tier = 'default'): string =>
    logChain({tier, policy, direction: 'egress', index: 1023}).prefix

  it('names tier, policy, direction and rule', () => {
    assert.equal(of('web'), 'isthmus default/web/egress/1023 ')
  })

  it('has no more bytes than the kernel takes, and still tells long names apart', () => {
    const long = 'x'.repeat(200)
    const all = [of(`${long}1`), of(`${long}2`), of(long, `${long}1`), of(long, `${long}2`)]
    for (const prefix of all) {
      assert.equal(Buffer.byteLength(prefix), 127)
      assert.match(prefix, /~[0-9a-f]{6}\/egress\/1023 $/)
    }
    assert.equal(new Set(all).size, all.length)
    assert.equal(Buffer.byteLength(of('y'.repeat(127 - 'isthmus default//egress/1023 '.length))), 127)
  })

  it('holds nothing that would end the text', () => {
    assert.equal(of('a"; drop \n'), 'isthmus default/a___drop__/egress/1023 ')
  })
})
