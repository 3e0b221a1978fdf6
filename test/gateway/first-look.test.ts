import assert from 'node:assert/strict'
import {listOf, podRecord} from '../support/sites.ts'
import {gateway, SOURCES} from './pass-gateway.ts'

describe('the first look of a start', () => {
  it('that does not tell whether the kernel is programmed waits as on one that is', async () => {
    const first = gateway()
    first.hear(...SOURCES)
    first.federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    await first.pass()
    await first.pass()
    assert.ok(first.node.nft?.sets.get('class4')?.elements.has('10.1.0.5'))
    const second = gateway(first.node)
    second.unreadable.add('nft')
    assert.deepEqual(
      (await second.pass()).steps.map(({key}) => key),
      [],
    )
    second.unreadable.delete('nft')
    assert.deepEqual(
      (await second.pass()).steps.map(({key}) => key),
      [],
    )
    assert.ok(second.node.nft?.sets.get('class4')?.elements.has('10.1.0.5'))
  })
})
