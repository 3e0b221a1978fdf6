import assert from 'node:assert/strict'
import {EndpointRows} from '../../src/federate/endpoint-rows.ts'
import type {AttributeSetId, DatastoreName, DecodedExport, SourceId} from '../../src/model/index.ts'
import type {Prefix} from '../../src/net/index.ts'
import {site} from '../support/sites.ts'

const SOURCE: SourceId = 'export/b'
const B = site('b')

const record = (address: string, attributes: string, name = 'default/web'): DecodedExport => ({
  type: 'export',
  key: `/isthmus/v1/export/endpoints/main/${address}/${attributes}`,
  modRevision: 7,
  findings: [],
  entry: {
    kind: 'endpoint',
    datastore: 'main' as DatastoreName,
    prefix: `${address}/32` as Prefix,
    attributes: attributes as AttributeSetId,
    names: [name],
  },
})

describe('EndpointRows', () => {
  it('gives back what was put in, found by its key', () => {
    const rows = new EndpointRows()
    const row = rows.add(SOURCE, B, record('10.2.0.5', 'x'))
    assert.equal(rows.find(SOURCE, record('10.2.0.5', 'x').key), row)
    assert.deepEqual(rows.record(row), record('10.2.0.5', 'x'))
    assert.equal(rows.find('export/c', record('10.2.0.5', 'x').key), -1, 'of another source')
  })

  it('takes no record whose key speaks of another address, set or datastore', () => {
    const rows = new EndpointRows()
    const {key} = record('10.2.0.5', 'x')
    assert.equal(rows.add(SOURCE, B, {...record('10.2.0.6', 'x'), key}), -1)
    assert.equal(rows.add(SOURCE, B, {...record('10.2.0.5', 'y'), key}), -1)
    const wide = record('10.2.0.5', 'x')
    assert.equal(rows.add(SOURCE, B, {...wide, entry: {...wide.entry, prefix: '10.2.0.0/24' as Prefix}} as never), -1)
  })

  it('the last one of its group, put again under the key just looked for, is not of a group that is gone', () => {
    const rows = new EndpointRows()
    const first = record('10.2.0.5', 'x')
    const row = rows.add(SOURCE, B, first)
    assert.equal(rows.find(SOURCE, first.key), row)
    rows.remove(row)
    // Whoever comes next gets the number of the group that went.
    const again = record('10.2.0.5', 'x', 'default/other')
    const back = rows.add(SOURCE, B, again)
    rows.add(SOURCE, B, record('10.2.0.6', 'y'))
    assert.deepEqual(rows.record(back), again)
    assert.deepEqual(
      [...rows.groups()].map(({attributes, rows: count}) => [attributes, count]),
      [
        ['x', 1],
        ['y', 1],
      ],
    )
  })
})
