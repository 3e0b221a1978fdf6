import assert from 'node:assert/strict'
import fc from 'fast-check'
import {Held} from '../../../src/apply/nft/held.ts'
import {diffNft} from '../../../src/diff/index.ts'
import type {World} from '../../../src/model/index.ts'
import {whole} from '../../../src/policy/classes/index.ts'
import {type Compiled, compilePolicy, judge, type Packet} from '../../../src/policy/index.ts'
import {packets, seed, verdicts, worlds} from '../../policy/random-world.ts'
import {frameOf} from '../../policy/raw-packet.ts'
import {createJudgeProgram, type JudgeProgram} from '../../support/judge-program.ts'

/** `JUDGED_WORLDS=100000 npx mocha …` is the long run. */
const WORLDS = Number(process.env.JUDGED_WORLDS ?? 300)
/** Of flows that policy allows between hosts: others ask for the source port, or are told of in a log. */
const LEAST_SHARE = 0.9

const datagrams = packets.map(
  ({from, to, sourcePort = 53, destinationPort = 80}): Packet => ({
    ...{from, to, protocol: 17, sourcePort, destinationPort},
  }),
)
const steps = fc.array(fc.tuple(worlds, fc.boolean()), {minLength: 1, maxLength: 4})

const answerTo = ({from, to, protocol, sourcePort, destinationPort}: Packet): Packet => ({
  ...{from: to, to: from, protocol},
  ...{sourcePort: destinationPort!, destinationPort: sourcePort!},
})

const bothAreHosts = ({sets}: Compiled, {from, to}: Packet): boolean =>
  [from, to].every((end) => ['class4', 'class6'].some((set) => sets.get(set)!.elements.has(end)))

describe(`what the fast path judges (SEED=${seed} JUDGED_WORLDS=${WORLDS})`, () => {
  let program: JudgeProgram
  before(() => {
    program = createJudgeProgram()
  })
  after(() => program.close())

  /** The maps become what the table is: by what is changed, or by what is there. */
  function follow(compiled: Compiled, held: Held, anew: boolean): void {
    const table = {...compiled, family: 'inet', name: 'isthmus'} as const
    const changes = diffNft(table, held)
    held.apply(changes)
    if (anew) assert.ok(whole(program.maps.load(held.sets)))
    else {
      for (const step of changes) {
        if (step.do === 'elements') assert.ok(whole(program.maps.change(step.set, step)))
      }
    }
    assert.ok(program.maps.setPorts(compiled.udpPorts ?? new Map()))
  }

  it('is only what the policy allows, both ways, in any world and behind any change', () => {
    let [allowed, taken] = [0, 0]
    fc.assert(
      fc.property(
        steps,
        verdicts,
        fc.array(datagrams, {minLength: 20, maxLength: 40, size: 'max'}),
        (all, standard, flows) => {
          const held = new Held()
          let previous: Compiled | null = null
          for (const [index, [next, anew]] of all.entries()) {
            const world: World = {...next, memberRevision: index}
            const compiled = compilePolicy(world, {default: standard, previous, firstClass: 0x1fff0})
            previous = compiled
            follow(compiled, held, anew || index === 0)
            for (const [label, packet] of flows.entries()) {
              const isAllowed = judge(world, standard, packet).verdict === 'allow'
              const says = [
                program.allows(frameOf(packet, label, '02:00:00:00:00:02'), 'original'),
                program.allows(frameOf(answerTo(packet), label, '02:00:00:00:00:02'), 'reply'),
              ]
              assert.equal(says[0], says[1], JSON.stringify(packet))
              if (says[0]) assert.ok(isAllowed, JSON.stringify(packet))
              if (!isAllowed || compiled.udpPorts === null || !bothAreHosts(compiled, packet)) continue
              allowed++
              if (says[0]) taken++
            }
          }
        },
      ),
      {seed, numRuns: WORLDS},
    )
    assert.ok(allowed > WORLDS, `${allowed} flows were allowed`)
    assert.ok(taken > allowed * LEAST_SHARE, `${taken} of ${allowed} allowed flows`)
  }).timeout(Math.max(60_000, WORLDS * 100))
})
