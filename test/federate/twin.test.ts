import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {parseGatewayName} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, listOf} from '../support/sites.ts'

describe('a second gateway of the site', () => {
  for (const [named, says] of [
    [null, /^site a has gateway a2 too, and a1 names no twin: /],
    ['a3', /^site a has gateway a2 too, and a1 names a3 as its twin: /],
  ] as const) {
    it(`while ${named ?? 'none'} is named as twin: they must not share states`, () => {
      const federation = new Federation(configOf({twin: named && parseGatewayName(named)}))
      const gateway = rawRecord(`${EXPORT}gateways/a2`, {uplinks: [{name: 'wan', address: '192.0.2.9', inner: []}]})
      federation.update(listOf('datastore/main', [gateway]))
      const [finding, ...others] = federation.world().findings
      assert.deepEqual([finding?.code, others], ['twin-not-named', []])
      assert.match(finding!.detail, says)
    })
  }
})
