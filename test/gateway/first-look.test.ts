import assert from 'node:assert/strict'
import {rawRecord} from '../support/records.ts'
import {listOf, podRecord} from '../support/sites.ts'
import {gateway, NO_KEYS, SOURCES} from './pass-gateway.ts'

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

  it('makes no tunnel and tells BIRD nothing while the kernel takes no ruleset', async () => {
    const {node, carry, federation, hear, failing, pass} = gateway()
    hear(...SOURCES)
    const records = [
      rawRecord('/isthmus/v1/export/gateways/b1', {
        uplinks: [{name: 'wan', address: '198.51.100.2', inner: ['100.64.0.2', '100.64.0.3']}],
        tunnels: {'a/a1/wan': [{slot: 0, uplink: 'wan', encapsulation: 'ipip'}]},
      }),
      rawRecord('/isthmus/v1/export/site', {as: 4200000002, prefixes: ['10.2.0.0/16']}),
    ]
    federation.update(listOf('export/b', records))
    const carrier = {slot: 0, serial: 0, encapsulation: 'ipip', phase: 'joining'} as const
    carry(new Map([['a/a1/wan b/b1/wan', [carrier]]]), NO_KEYS)
    failing.add('nft')
    const report = await pass()
    assert.equal(node.nft, null)
    assert.deepEqual([...node.actual().links], [])
    assert.equal(node.actual().bird, null)
    const cut = report.failures.find(({step}) => step === 'bird configuration')
    assert.match(cut?.cause ?? '', /^needs nft .*, which failed$/)
    failing.delete('nft')
    assert.equal((await pass()).dirty, false)
    assert.ok(node.actual().links.length > 0)
  })

  it('has flows judged anew, as the run before may have ended before it did', async () => {
    const first = gateway()
    first.hear(...SOURCES)
    await first.pass()
    first.federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    first.failRaise(1)
    await assert.rejects(first.pass())
    const second = gateway(first.node)
    second.hear(...SOURCES)
    second.federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    assert.deepEqual((await second.pass()).steps, [])
    assert.equal(second.raised.length, 1)
    await second.pass()
    assert.equal(second.raised.length, 1)
  })
})
