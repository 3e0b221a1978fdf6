import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {World} from '../../../src/model/index.ts'
import {familyOf} from '../../../src/net/index.ts'
import {whole} from '../../../src/policy/classes/index.ts'
import {compilePolicy} from '../../../src/policy/index.ts'
import {judge} from '../../../src/policy/oracle/index.ts'
import {groupEndpoints, labelsToGroupBy, matrixOf, waysBetween} from '../../../src/policy/proof/matrix.ts'
import type {InForce} from '../../../src/policy/proof/reach.ts'
import {parseFlow} from '../../../src/policy/trace/index.ts'
import {classLookup} from '../../../src/policy/trace/tracer.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'
import {attributes, entity, policy, rule, tier, world} from '../worlds.ts'

const numRuns = Number(process.env.RUNS ?? 100)

function inForceOf(known: World, standard: 'allow' | 'deny'): InForce {
  const compiled = compilePolicy(known, {default: standard, previous: null, firstClass: 1})
  assert.ok(compiled.state.live)
  return {
    classified: compiled.state.live.classified,
    numbering: compiled.state.numbering,
    verdicts: compiled.verdicts,
  }
}

const CELL = {a: 'allow', d: 'deny'} as const

describe(`policy matrix (SEED=${seed} RUNS=${numRuns})`, () => {
  it('says allowed or denied only where the oracle says so of every packet, by site and by class', () => {
    let decided = 0
    fc.assert(
      fc.property(
        worlds,
        verdicts,
        fc.constantFrom('site', 'class'),
        fc.array(packets, {minLength: 20, maxLength: 40, size: 'max'}),
        (known, standard, by, flows) => {
          const inForce = inForceOf(known, standard)
          const groups = whole(groupEndpoints(by, inForce))
          const cells = whole(matrixOf(groups, inForce))
          assert.ok(cells)
          const classOf = classLookup(inForce.classified)
          for (const packet of flows) {
            const {from, to, protocol} = packet
            // ICMP of the other family is invalid to conntrack.
            if (from === to || protocol === (familyOf(from) === 4 ? 58 : 1)) continue
            const [row, column] = [from, to].map((at) => groups.findIndex(({classes}) => classes.has(classOf(at))))
            const cell: string | undefined = cells[row!]?.[column!]
            if (cell === undefined || cell === 'm') continue
            assert.notEqual(cell, '-', JSON.stringify(packet))
            assert.equal(judge(known, standard, packet).verdict, CELL[cell as 'a' | 'd'], JSON.stringify(packet))
            decided++
          }
        },
      ),
      {seed, numRuns},
    )
    assert.ok(decided > numRuns, `${decided} packets fell into a field that decides`)
  })

  it('gives flows that the oracle judges as their way says', () => {
    let judged = 0
    fc.assert(
      fc.property(worlds, verdicts, (known, standard) => {
        const inForce = inForceOf(known, standard)
        const groups = whole(groupEndpoints('site', inForce))
        for (const from of groups) {
          for (const to of groups) {
            for (const {verdict, flows, ends} of whole(waysBetween(from, to, inForce)).ways) {
              assert.notEqual(ends.from.address, ends.to.address)
              const found = flows.map((flow) => {
                const parsed = parseFlow(flow)
                assert.ok(parsed.ok)
                return judge(known, standard, parsed.packet).verdict
              })
              assert.deepEqual(found, verdict === 'mixed' ? ['allow', 'deny'] : [verdict], JSON.stringify(flows))
              judged++
            }
          }
        }
      }),
      {seed, numRuns: Math.min(numRuns, 100)},
    )
    assert.ok(judged > numRuns)
  })

  const web = attributes('pod', {labels: {app: 'web', env: 'x'}})
  const client = attributes('pod', {labels: {app: 'client'}})
  const bare = attributes('pod', {labels: {}})
  const known = world(
    [
      {at: '10.1.0.5', site: 'a', set: client},
      {at: '10.1.0.6', site: 'a', set: bare},
      {at: '10.2.0.7', site: 'b', set: web},
      {at: '10.2.0.8', site: 'b', set: web},
    ],
    [tier('default', 1)],
    [
      policy('web', {
        selector: "app == 'web'",
        types: ['ingress'],
        ingress: [rule('Allow', {source: entity({selector: "app == 'client'"})})],
      }),
    ],
  )

  it('puts endpoints together by a label, those without it too', () => {
    const inForce = inForceOf(known, 'allow')
    const groups = whole(groupEndpoints('app', inForce))
    assert.deepEqual(
      groups.map(({name, addresses}) => [name, addresses]),
      [
        ['web', 2],
        ['', 1],
        ['client', 1],
      ],
    )
    // web may not be asked by web nor by the bare one; nothing else is governed.
    assert.deepEqual(whole(matrixOf(groups, inForce)), ['daa', 'd-a', 'aa-'])
  })

  it('knows the labels to ask by, the most borne first', () => {
    assert.deepEqual(labelsToGroupBy(known, 1), ['app'])
    assert.deepEqual(labelsToGroupBy(known), ['app', 'env'])
  })
})
