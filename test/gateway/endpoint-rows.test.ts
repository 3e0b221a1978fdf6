import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {endpointRows} from '../../src/gateway/endpoint-rows.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, listOf, podRecord, prefix, remote} from '../support/sites.ts'

describe('endpoint rows', () => {
  it('of a translated site say what it calls itself, pods and prefixes alike', () => {
    const [name, b] = remote('b', '10.201.0.0/16')
    const translations = [{real: prefix('10.1.0.0/16'), seen: prefix('10.201.0.0/16')}]
    const federation = new Federation(configOf({sites: new Map([[name, {...b, translations}]])}))
    federation.update(listOf('datastore/main', [podRecord('web', '10.1.0.7')]))
    federation.update(
      listOf('export/b', [
        rawRecord(`${EXPORT}attributes/x`, {kind: 'pod', labels: {app: 'db'}}),
        rawRecord(`${EXPORT}endpoints/main/10.1.0.7/x`, {n: ['shop/db']}),
      ]),
    )
    const rows = [...endpointRows(federation.world())].filter(({address}) => !address.includes(':'))
    assert.deepEqual(rows.map(({address, site, kind, real}) => [address, site, kind, real]).sort(), [
      ['10.1.0.0/16', 'a', 'prefix', null],
      ['10.1.0.7', 'a', 'pod', null],
      ['10.201.0.0/16', 'b', 'prefix', '10.1.0.0/16'],
      ['10.201.0.7', 'b', 'pod', '10.1.0.7'],
    ])
  })
})
