import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {gatewayRows, nodeRows} from '../../src/gateway/rows.ts'
import {nodeOf} from '../support/interconnect.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, listOf} from '../support/sites.ts'

describe('rows of gateways', () => {
  it('say who lives and who leads in the own site, of twins too whose records are not known, and nothing of others', () => {
    const federation = new Federation(configOf())
    const gateway = {uplinks: [{name: 'wan', address: '192.0.2.2', inner: []}]}
    federation.update(listOf('export/b', [rawRecord(`${EXPORT}gateways/b1`, gateway)]))
    const publishing = {
      living: () => new Set(['a2']),
      leadership: () => ({leader: 'a2', leads: false, leaseAgeSeconds: 1, nameTaken: false, lastError: null}),
    }
    const rows = gatewayRows(federation.world(), publishing).map(({name, alive, leader}) => [name, alive, leader])
    assert.deepEqual(rows, [
      ['a/a1', false, false],
      ['a/a2', true, true],
      ['b/b1', null, false],
    ])
  })
})

describe('rows of nodes', () => {
  it('have a session where the gateway speaks with the node', () => {
    const quiet = {...nodeOf('n3', '10.0.0.3'), bgp: false}
    const rr = nodeOf('n1', '10.0.0.1')
    const nodes = [{...rr, meta: {...rr.meta, labels: {rr: 'yes'}}}, nodeOf('n2', '10.0.0.2'), quiet]
    const world = {...new Federation(configOf()).world(), nodes}
    const sessions = (...args: [selector?: string]) =>
      nodeRows(world, {session: 'ibgp', localAs: 64512, nextHop: null, ...(args[0] ? {selector: args[0]} : {})}).map(
        ({session}) => session?.split('_')[1] ?? null,
      )
    assert.deepEqual(sessions(), ['n1', 'n2', null])
    assert.deepEqual(sessions("rr == 'yes'"), ['n1', null, null])
    assert.deepEqual(
      nodeRows(world, null).map(({session}) => session),
      [null, null, null],
    )
  })
})
