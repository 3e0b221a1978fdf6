import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {policyText} from '../../src/gateway/policy-what-if.ts'
import type {SourceId} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, ISTHMUS, listOf, site} from '../support/sites.ts'

const policy = (order: number) => ({
  ...{apiVersion: 'projectcalico.org/v3', kind: 'GlobalNetworkPolicy', metadata: {name: 'web', uid: 'u'}},
  spec: {order, selector: "app == 'web'", types: ['Ingress'], ingress: [{action: 'Allow'}]},
})
const PATH = 'globalnetworkpolicies/web'

/** Order of the text that is shown; every site has a policy of that name, with an order of its own. */
function shown(...authorities: string[]): string | undefined {
  const config = configOf({authorities: authorities.map(site)})
  const federation = new Federation(config)
  federation.update(listOf('datastore/main', [rawRecord(`${ISTHMUS}${PATH}`, policy(1))]))
  federation.update(listOf('export/b', [rawRecord(`${EXPORT}resources/${PATH}`, policy(2))]))
  federation.update(listOf('export/c', [rawRecord(`${EXPORT}resources/${PATH}`, policy(3))]))
  const runtime = {
    config,
    world: () => federation.world(),
    recordsOf: (source: SourceId) => federation.recordsOf(source),
  }
  const inForce = federation.world().policies.policies.find(({meta}) => meta.name === 'web')
  const text = policyText(runtime, 'web') ?? undefined
  assert.doesNotMatch(text ?? '', /uid/)
  const order = /order: (\d)/.exec(text ?? '')?.[1]
  if (order !== undefined) assert.equal(order, String(inForce?.order))
  return order
}

describe('the text of a policy in force', () => {
  for (const [authorities, order] of [
    [['a'], '1'],
    [['b'], '2'],
    [['c'], '3'],
    [['c', 'a'], '3'],
    [['a', 'c'], '1'],
    [['c', 'b'], '3'],
  ] as const) {
    it(`is of the authority that counts: ${authorities.join(' before ')}`, () => {
      assert.equal(shown(...authorities), order)
    })
  }
})
