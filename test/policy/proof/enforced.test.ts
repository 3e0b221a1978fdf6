import assert from 'node:assert/strict'
import type {Catalog} from '../../../src/policy/classes/index.ts'
import {compilePolicy, GATEWAY_BOUNDS} from '../../../src/policy/compile/index.ts'
import {enforcedBy} from '../../../src/policy/proof/enforced.ts'
import {attributes, policy, prefix, rule, tier, world} from '../worlds.ts'

const pod = (at: string) => ({at, site: 'a', set: attributes('pod', {labels: {app: 'web'}})})
const given = world(
  [pod('10.1.0.1'), pod('10.1.0.2')],
  [tier('default', 1)],
  [policy('p', {ingress: [rule('Allow')], egress: [rule('Allow')]})],
)
/** Asks of one of the two alone, so that they are classes of their own. */
const apart = (catalog: Catalog): Catalog => ({
  ...catalog,
  nets: [...catalog.nets, prefix('10.1.0.1')],
  conditions: [
    ...catalog.conditions,
    {positive: null, negative: null, nets: {4: [catalog.nets.length], 6: []}, notNets: null},
  ],
})
const asks = (refine?: typeof apart, maxPairs = GATEWAY_BOUNDS.maxPairs) =>
  enforcedBy({world: given, default: 'deny'}, refine, {...GATEWAY_BOUNDS, maxPairs})

describe('what is enforced', () => {
  const {pairCount} = compilePolicy(given, {default: 'deny', previous: null, firstClass: 1}).verdicts

  it('is nothing where a gateway would refuse the policy as too large', () => {
    assert.ok(asks(undefined, pairCount))
    assert.equal(asks(undefined, pairCount - 1), null)
    assert.equal(asks(apart, pairCount - 1), null)
  })

  it('may be asked for more classes than a gateway would take', () => {
    const classes = (refine?: typeof apart) => asks(refine, pairCount)!.classified.classes.length
    assert.equal(classes(apart), classes() + 1)
  })
})
