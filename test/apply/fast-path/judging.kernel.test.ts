import assert from 'node:assert/strict'
import fc from 'fast-check'
import {Held} from '../../../src/apply/nft/held.ts'
import {diffNft} from '../../../src/diff/index.ts'
import {markText, type World} from '../../../src/model/index.ts'
import {whole} from '../../../src/policy/classes/index.ts'
import {type Compiled, compilePolicy, judge, type Packet} from '../../../src/policy/index.ts'
import {packets, seed, verdicts, worlds} from '../../policy/random-world.ts'
import {frameOf} from '../../policy/raw-packet.ts'
import {address} from '../../policy/worlds.ts'
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

  it('is nothing where the gate was shut or opened while it looked', () => {
    const [from, to] = [address('10.1.0.1'), address('10.2.0.1')]
    const frame = frameOf({from, to, protocol: 17, sourcePort: 53, destinationPort: 80}, 1, '02:00:00:00:00:02')
    const elements = {
      class4: [
        [from, '0x00000001'],
        [to, '0x00000002'],
      ],
      pairs: [['0x00000001 . 0:2', '0x80000000']],
    } as const
    const sets = Object.entries(elements).map(
      ([name, own]) => [name, {elements: new Map<string, string>(own)}] as const,
    )
    assert.ok(whole(program.maps.load(new Map(sets))))
    assert.ok(program.allows(frame, 'original'))
    for (const behind of [0, 8]) {
      program.setGates(7, behind)
      assert.ok(!program.allows(frame, 'original'))
    }
    program.setGates(7, 7)
    assert.ok(program.allows(frame, 'original'))
  })

  it('is nothing where not all of it fits', () => {
    const classes = Array.from({length: 32_769}, (_, number): [string, string] => [markText(number + 1), '0x80000001'])
    const sets = new Map([['judge_sources', {elements: new Map(classes)}]])
    assert.ok(!whole(program.maps.load(sets)))
    assert.ok(whole(program.maps.load(new Map([['judge_sources', {elements: new Map(classes.slice(1))}]]))))
    const [first] = classes
    assert.ok(!whole(program.maps.change('judge_sources', {add: new Map([first!]), delete: new Map()})))
  })
})
