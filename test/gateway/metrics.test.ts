import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {refusedByForce} from '../../src/gateway/metrics.ts'
import {rawRecord} from '../support/records.ts'
import {changesOf, configOf, ISTHMUS, listOf} from '../support/sites.ts'

describe('the metric of refused documents', () => {
  it('tells the last good from one that denies and one that is absent, and has all three when nothing is refused', () => {
    const key = (name: string): string => `${ISTHMUS}globalnetworkpolicies/${name}`
    const federation = new Federation(configOf())
    federation.update(listOf('datastore/main', [rawRecord(key('held'), {})]))
    const counts = () => Object.fromEntries(refusedByForce(federation.world().findings))
    assert.deepEqual(counts(), {'last-good': 0, denies: 0, absent: 0})
    const half = {spec: {ingress: [{action: 'Perhaps'}]}}
    federation.update(
      changesOf('datastore/main', [
        rawRecord(key('held'), '{', 11),
        rawRecord(key('half'), half, 12),
        rawRecord(key('other'), half, 12),
        rawRecord(key('absent'), '{', 13),
      ]),
    )
    assert.deepEqual(counts(), {'last-good': 1, denies: 2, absent: 1})
  })
})
