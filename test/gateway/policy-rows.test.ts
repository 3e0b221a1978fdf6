import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {policyRows, stagedRows, tierRows} from '../../src/gateway/policy-rows.ts'
import type {JudgedElement} from '../../src/model/index.ts'
import {createPolicyTotals, type DecidedBy, type MetOnTheWay} from '../../src/policy/index.ts'
import {policy, rule, tier, world} from '../policy/worlds.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, ISTHMUS, listOf, site} from '../support/sites.ts'

const web = policy('web', {
  types: ['ingress', 'egress'],
  ingress: [rule('Allow'), rule('Log'), rule('Pass'), rule('Deny')],
  egress: [rule('Allow')],
})
const next = policy('web', {kind: 'StagedGlobalNetworkPolicy', ingress: [rule('Deny')]})
const known = {...world([], [tier('default', 1)], [web, policy('idle')]), staged: [next]}

const element = (packets: number, fresh = true): JudgedElement => ({
  ...{source: 1, destination: 2, protocol: 6, port: 80},
  ...{fresh, packets, bytes: packets * 100},
})
const by = (part: Partial<DecidedBy>): DecidedBy => ({
  ...{direction: 'ingress', kind: 'GlobalNetworkPolicy', tier: 'default', policy: 'web', rule: 0},
  ...{reason: 'rule', action: 'allow'},
  ...part,
})

const totals = createPolicyTotals()
const count = (packets: number, decided: DecidedBy[], fresh = true): void =>
  totals.add(element(packets, fresh), {decided, met: [], changes: []})
count(5, [by({direction: 'egress'}), by({})])
count(2, [by({})], false)
count(3, [by({rule: 3, action: 'deny'})])
count(1, [by({rule: null, reason: 'depends', action: 'depends'})])
count(4, [by({policy: null, kind: null, rule: null, reason: 'tier', action: 'deny'})])
count(9, [by({tier: 'other', rule: 3, action: 'deny'})])
totals.add(element(6), {
  decided: [],
  met: [],
  changes: [{tier: 'default', policy: 'web', direction: 'ingress', would: 'deny'}],
})

const onTheWay = (rule: number, action: 'pass' | 'log'): MetOnTheWay => ({
  ...{direction: 'ingress', kind: 'GlobalNetworkPolicy', tier: 'default', policy: 'web', rule, action},
})
totals.add(element(8), {decided: [], met: [onTheWay(1, 'log'), onTheWay(2, 'pass')], changes: []})

describe('rows of policies', () => {
  it('have flows, packets and denied of both directions, and the rules that decided', () => {
    const [row, idle] = [...policyRows(known, totals)]
    const {rules, ...sums} = row?.counts ?? assert.fail()
    assert.deepEqual(sums, {
      ...{flows: 14, packets: 16, bytes: 1600, denied: 3},
      ...{wouldAllow: null, wouldDeny: null, changes: []},
    })
    assert.deepEqual(
      rules.map(({direction, rule, action, flows, packets}) => [direction, rule, action, flows, packets]),
      [
        ['ingress', 0, 'allow', 5, 7],
        ['ingress', 1, 'log', 8, 8],
        ['ingress', 2, 'pass', 8, 8],
        ['ingress', 3, 'deny', 3, 3],
        ['ingress', null, 'depends', 1, 1],
        ['egress', 0, 'allow', 5, 5],
      ],
    )
    assert.deepEqual([idle?.counts.flows, idle?.counts.rules], [0, []])
  })

  it('have all rules where every one is asked for', () => {
    const [row] = [...policyRows(known, totals, true)]
    assert.deepEqual(
      row?.counts.rules.map(({direction, rule, action, packets}) => [direction, rule, action, packets]),
      [
        ['ingress', 0, 'allow', 7],
        ['ingress', 1, 'log', 8],
        ['ingress', 2, 'pass', 8],
        ['ingress', 3, 'deny', 3],
        ['ingress', null, 'depends', 1],
        ['egress', 0, 'allow', 5],
      ],
    )
  })

  it('of staged ones have what would change, and nothing of the one in force of their name', () => {
    const [row, ...rest] = [...stagedRows(known, totals)]
    assert.deepEqual(rest, [])
    assert.deepEqual([row?.name, row?.staged, row?.kind], ['web', true, 'StagedGlobalNetworkPolicy'])
    const {flows, rules, wouldAllow, wouldDeny, changes} = row?.counts ?? assert.fail()
    assert.deepEqual([flows, rules, wouldAllow, wouldDeny], [0, [], 0, 6])
    assert.deepEqual(changes, [{direction: 'ingress', would: 'deny', flows: 6, packets: 6, bytes: 600}])
  })

  it('tiers have what their ends denied', () => {
    assert.deepEqual(
      tierRows(known, totals).map(({name, endDenied}) => [name, endDenied]),
      [['default', 4]],
    )
  })
})

describe('rows of policies, by their authority', () => {
  const web = {kind: 'GlobalNetworkPolicy', metadata: {name: 'web'}, spec: {selector: 'all()', types: ['Ingress']}}
  const staged = {kind: 'StagedGlobalNetworkPolicy', metadata: {name: 'next'}, spec: {selector: 'all()'}}
  const siteOf = (...authorities: string[]): string[] => {
    const federation = new Federation(configOf({authorities: authorities.map(site)}))
    federation.update(listOf('datastore/main', [rawRecord(`${ISTHMUS}globalnetworkpolicies/web`, web)]))
    const theirs = [
      rawRecord(`${EXPORT}resources/globalnetworkpolicies/web`, web),
      rawRecord(`${EXPORT}resources/stagedglobalnetworkpolicies/next`, staged),
    ]
    federation.update(listOf('export/b', theirs))
    const [world, totals] = [federation.world(), createPolicyTotals()]
    return [...policyRows(world, totals), ...stagedRows(world, totals)].map((row) => `${row.name} ${row.site}`)
  }

  it('name the one that they come from, whoever else has one of that name', () => {
    assert.deepEqual(siteOf('a'), ['web a'])
    assert.deepEqual(siteOf('b'), ['web b', 'next b'])
    assert.deepEqual(siteOf('a', 'b'), ['web a', 'next b'])
    assert.deepEqual(siteOf('b', 'a'), ['web b', 'next b'])
  })
})
