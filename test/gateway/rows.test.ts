import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {gatewayRows} from '../../src/gateway/rows.ts'
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
