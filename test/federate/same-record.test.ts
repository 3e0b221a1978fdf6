import assert from 'node:assert/strict'
import {decodeRecord} from '../../src/decode/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {isSameRecord} from '../../src/federate/same-record.ts'
import type {RawRecord} from '../../src/model/index.ts'
import {CALICO_FIXTURES, calicoFixture, rawRecord} from '../support/records.ts'
import {configOf, EXPORT, listOf, membersAt} from '../support/sites.ts'

const ENDPOINT = `${EXPORT}endpoints/main/10.2.0.5/x1`
const ATTRIBUTES = `${EXPORT}attributes/x1`
const exportOf = (name: string, app: string): RawRecord[] => [
  rawRecord(ATTRIBUTES, {kind: 'pod', labels: {app}, namespace: 'shop'}),
  rawRecord(ENDPOINT, {n: [name]}),
]

describe('a record of the revision that is known', () => {
  for (const restored of [false, true]) {
    it(`with another value in a list is taken: a backup was restored meanwhile${restored ? ', over a restart' : ''}`, () => {
      const federation = new Federation(configOf())
      const before = listOf('export/b', exportOf('shop/db-0', 'db'))
      if (restored) federation.restore(before)
      else federation.update(before)
      federation.update(listOf('export/b', exportOf('shop/db-1', 'web')))
      const [member] = membersAt(federation.world(), '10.2.0.5/32')
      assert.deepEqual([member?.set.labels.app, member?.names], ['web', ['shop/db-1']])
    })
  }

  for (const name of CALICO_FIXTURES) {
    it(`is the same if its bytes are, and another if it is of another revision: ${name}`, () => {
      const decoded = decodeRecord(calicoFixture(name))
      assert.ok(isSameRecord(decoded, decodeRecord(calicoFixture(name))))
      assert.ok(!isSameRecord(decoded, decodeRecord(calicoFixture(name, 2))))
    })
  }

  const gateway = (offers: object) =>
    decodeRecord(
      rawRecord(`${EXPORT}gateways/b1`, {
        uplinks: [{name: 'wan', address: '192.0.2.2'}],
        tunnels: {'a/a1/wan': offers},
      }),
    )
  const offer = {slot: 0, uplink: 'wan', encapsulation: 'ipip'}
  const differing: [string, object, object][] = [
    ['in a field within a map', [offer], [{...offer, encapsulation: 'fou', port: 5555}]],
    ['by a field that the other has not', [offer], [{...offer, leaving: true}]],
    ['by an item of a list', [offer], [offer, {...offer, slot: 1}]],
  ]
  for (const [what, one, other] of differing) {
    it(`is another if it differs ${what}`, () => {
      assert.ok(isSameRecord(gateway(one), gateway(one)))
      assert.ok(!isSameRecord(gateway(one), gateway(other)))
      assert.ok(!isSameRecord(gateway(other), gateway(one)))
    })
  }
})
