import assert from 'node:assert/strict'
import fc from 'fast-check'
import {compilePolicy} from '../../../src/policy/compile/index.ts'
import {judge} from '../../../src/policy/oracle/index.ts'
import {prepareTracer, tracerOf} from '../../../src/policy/trace/index.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'

const numRuns = Number(process.env.RUNS ?? 250)

/** Flows as people give them: what they may leave out is left out of some. */
const flows = fc
  .tuple(packets, fc.constantFrom('sourcePort', 'icmpType', 'icmpCode', null, null, null))
  .map(([packet, without]) => {
    if (without === null) return packet
    const {[without]: _left, ...rest} = packet
    return rest
  })

describe(`tracer and oracle (SEED=${seed} RUNS=${numRuns})`, () => {
  it('give one answer for any world and flow: verdict, reason, and the rule', () => {
    fc.assert(
      fc.property(
        worlds,
        verdicts,
        fc.array(flows, {minLength: 20, maxLength: 60, size: 'max'}),
        (world, standard, some) => {
          const tracer = prepareTracer(world, standard)
          for (const packet of some) {
            assert.deepEqual(tracer.judge(packet), judge(world, standard, packet), JSON.stringify(packet))
          }
        },
      ),
      {seed, numRuns},
    )
  }).timeout(Math.max(20_000, numRuns * 100))

  it('also over the classes of the compiler, such as those of a running gateway', () => {
    fc.assert(
      fc.property(worlds, verdicts, fc.array(flows, {minLength: 10, maxLength: 30}), (world, standard, some) => {
        const {state} = compilePolicy(world, {default: standard, previous: null, firstClass: 7})
        assert.ok(state.live)
        const tracer = tracerOf(world, standard, state.understood.catalog, state.live.classified)
        for (const packet of some) assert.deepEqual(tracer.judge(packet), judge(world, standard, packet))
      }),
      {seed, numRuns: Math.ceil(numRuns / 4)},
    )
  }).timeout(Math.max(20_000, numRuns * 100))
})
