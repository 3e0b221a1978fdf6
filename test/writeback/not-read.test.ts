import assert from 'node:assert/strict'
import {decodeRecord} from '../../src/decode/index.ts'
import {LocalRecords} from '../../src/export/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {RawRecord} from '../../src/model/index.ts'
import {mergeObject, siteObjects, WriteBackSets} from '../../src/writeback/index.ts'
import {calicoFixture, rawRecord} from '../support/records.ts'
import {address, changesOf, configOf, EXPORT, listOf, plainWorld, podRecord} from '../support/sites.ts'

const CONFIG = configOf({nodes: {session: 'ibgp', localAs: 64512, nextHop: null}})
const GATEWAYS = {addresses: [address('192.168.10.1')], blocks: address('192.168.10.1')}
const WRITE_BACK = {
  ...{sets: true, namespaces: ['shop'], dryRun: false, pools: {encapsulation: 'never', bgpExport: false} as const},
  peers: [{address: address('192.168.10.1'), nodeSelector: 'all()'}],
  gateways: GATEWAYS,
}

function federated(): Federation {
  const federation = new Federation(CONFIG)
  const web = {kind: 'pod', labels: {app: 'web'}, namespace: 'shop'}
  federation.update(listOf('datastore/main', [podRecord('web-1', '10.1.0.5'), calicoFixture('node')]))
  federation.update(
    listOf('export/b', [
      rawRecord(`${EXPORT}attributes/x`, web),
      rawRecord(`${EXPORT}endpoints/main/10.2.0.5/x`, {n: []}),
    ]),
  )
  return federation
}

/** Everything that is ever written of this World, as it would be stored. */
function written(federation: Federation): RawRecord[] {
  const sets = new WriteBackSets(CONFIG.site, WRITE_BACK)
  sets.take(federation.takeMemberChanges(), federation.world().attributes)
  const identity = {uid: 'u', creationTimestamp: '2026-01-02T03:04:05Z'}
  return [...sets.objects(), ...siteObjects(CONFIG, WRITE_BACK)].map(([key, text]) =>
    rawRecord(key, mergeObject(text, null, () => identity)!, 7),
  )
}

describe('what is written back', () => {
  it('is decoded without a word', () => {
    const records = written(federated())
    // The sites' two prefixes are 16 blocks each, with a claim and a handle.
    assert.equal(records.length, 5 + 1 + 2 * 16 * 3)
    for (const record of records) {
      const decoded = decodeRecord(record, 'datastore main')
      assert.notEqual(decoded.type, 'bad', record.key)
      assert.deepEqual(decoded.findings, [])
    }
  })

  it('and read again changes nothing in the World', () => {
    const federation = federated()
    const before = plainWorld(federation.world())
    federation.update(changesOf('datastore/main', written(federation)))
    assert.deepEqual(plainWorld(federation.world()), before)
    assert.deepEqual([...federation.takeMemberChanges()], [])
  })

  it('and would change it without the owner annotation', () => {
    const federation = federated()
    const before = plainWorld(federation.world())
    const foreign = written(federation).map(({key, value, modRevision}) =>
      rawRecord(key, new TextDecoder().decode(value).replace('isthmus.io/owner', 'somebody.io/owner'), modRevision),
    )
    federation.update(changesOf('datastore/main', foreign))
    assert.notDeepEqual(plainWorld(federation.world()), before)
  })

  it('a Node that Isthmus wrote is no node of the cluster', () => {
    const federation = federated()
    const {key, value} = calicoFixture('node-gateway')
    const node = JSON.parse(new TextDecoder().decode(value))
    node.metadata.annotations = {'isthmus.io/owner': 'a'}
    const before = federation.world().nodes.length
    federation.update(changesOf('datastore/main', [rawRecord(key, node, 8)]))
    assert.equal(federation.world().nodes.length, before)
  })

  it('is told of with the own policies, since the own Calico does see it', () => {
    const records = written(federated())
    const local = new LocalRecords(['main'], [])
    const batch = {source: 'datastore/main', type: 'changes', upserts: records, deletes: []} as const
    local.take(
      batch,
      records.map((record) => decodeRecord(record, 'datastore main')),
    )
    const kinds = [...local.records.texts.keys()].map((key) => key.slice(`${EXPORT}local/main/`.length).split('/')[0])
    assert.deepEqual(kinds.sort(), ['globalnetworksets', 'networksets'])
  })
})
