import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {rawRecord} from '../support/records.ts'
import {changesOf, configOf, listOf} from '../support/sites.ts'

const KEY = '/calico/ipam/v2/host/'
const affinity = (node: string, block: string, state = 'confirmed', revision = 1) =>
  rawRecord(`${KEY}${node}/ipv4/block/${block}`, {state}, revision)

describe('blocks of the own nodes', () => {
  it('are those that are confirmed, of all own datastores, in order, and the same object while they are the same', () => {
    const federation = new Federation(configOf())
    federation.update(
      listOf('datastore/main', [affinity('n2', '10.1.7.64-26'), affinity('n1', '10.1.9.0-26', 'pending')]),
    )
    federation.update(listOf('datastore/second', [affinity('n3', '10.1.7.0-26')]))
    const {blocks} = federation.world()
    assert.deepEqual(
      blocks.map(({node, cidr}) => `${node} ${cidr}`),
      ['n3 10.1.7.0/26', 'n2 10.1.7.64/26'],
    )
    federation.update(
      changesOf('datastore/main', [rawRecord('/calico/resources/v3/projectcalico.org/nodes/n1', {spec: {}})]),
    )
    assert.equal(federation.world().blocks, blocks)
    federation.update(
      changesOf(
        'datastore/main',
        [affinity('n1', '10.1.9.0-26', 'confirmed', 20)],
        [`${KEY}n2/ipv4/block/10.1.7.64-26`],
      ),
    )
    assert.deepEqual(
      federation.world().blocks.map(({node}) => node),
      ['n3', 'n1'],
    )
  })
})
