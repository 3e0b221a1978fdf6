import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {dropLabels, refusedByForce} from '../../src/gateway/metrics.ts'
import {rawRecord} from '../support/records.ts'
import {changesOf, configOf, ISTHMUS, listOf, tunnelTo} from '../support/sites.ts'

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

describe('the metric of dropped packets', () => {
  it('tells reason, and the tunnel of those that came or would have left by one', () => {
    const tunnels = new Map([['is-b-0000', tunnelTo('b', 'is-b-0000')]])
    const none = {direction: '', peer: '', tunnel: ''}
    for (const reason of ['invalid', 'leaked', 'looped', 'martian', 'site_closed', 'spoofed', 'tunnel_unknown']) {
      assert.deepEqual(dropLabels(reason, tunnels), {...none, reason})
    }
    for (const reason of ['leaked', 'looped', 'martian', 'spoofed']) {
      const found = dropLabels(`${reason}_is-b-0000`, tunnels)
      assert.deepEqual(found, {...none, reason, peer: 'b', tunnel: 'wan b/b1/wan 0'})
      assert.deepEqual(dropLabels(`${reason}_is-gone`, tunnels), {...none, reason})
    }
    const refusal = {...none, reason: 'policy', direction: 'egress', peer: 'b'}
    assert.deepEqual(dropLabels('deny_egress_b', tunnels), refusal)
  })
})
