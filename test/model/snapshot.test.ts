import assert from 'node:assert/strict'
import fc from 'fast-check'
import {formatSnapshot, parseDatastoreName, parseSiteName, parseSnapshot, type Snapshot} from '../../src/model/index.ts'

const HEADER =
  '{"kind":"snapshot","version":1,"site":"a","source":"datastore","datastore":"main","clusterId":"9","revision":7}'

const print = (snapshot: Snapshot): string => [...formatSnapshot(snapshot)].join('\n')

describe('snapshot file', () => {
  it('reads back what it wrote, whatever the bytes and the order', () => {
    const record = fc.record({
      key: fc.string({minLength: 1}),
      value: fc.oneof(
        fc.uint8Array(),
        fc.string({unit: 'binary'}).map((text) => new TextEncoder().encode(text)),
      ),
      modRevision: fc.nat(),
    })
    fc.assert(
      fc.property(fc.uniqueArray(record, {selector: ({key}) => key}), fc.boolean(), (records, isExport) => {
        const snapshot: Snapshot = {
          site: parseSiteName('a')!,
          source: isExport ? 'export' : 'datastore',
          datastore: isExport ? null : parseDatastoreName('main')!,
          clusterId: '14841639068965178418',
          revision: 7,
          records,
        }
        const {snapshot: read, findings} = parseSnapshot(print(snapshot), 'x')
        assert.deepEqual(findings, [])
        assert.ok(read)
        const plain = (list: Snapshot['records']): unknown[] =>
          list.map(({key, value, modRevision}) => [key, Buffer.from(value).toString('hex'), modRevision])
        assert.deepEqual({...read, records: plain(read.records).sort()}, {...snapshot, records: plain(records).sort()})
        assert.equal(print(read), print(snapshot), 'equal content, equal bytes')
      }),
    )
  })

  it('is written as formats.md has it', () => {
    const records = [
      {key: '/b', value: new Uint8Array([0xff]), modRevision: 6},
      {key: '/a', value: new TextEncoder().encode('\uFEFF{"a": 1}'), modRevision: 5},
    ]
    const site = parseSiteName('a')!
    const datastore = parseDatastoreName('main')!
    assert.deepEqual(
      [...formatSnapshot({site, source: 'datastore', datastore, clusterId: '9', revision: 7, records})],
      [
        HEADER,
        '{"key":"/a","text":"\uFEFF{\\"a\\": 1}","modRevision":5}',
        '{"key":"/b","base64":"/w==","modRevision":6}',
      ],
    )
  })

  const headers: {name: string; line: string; detail: RegExp}[] = [
    {name: 'nothing', line: '', detail: /not a snapshot/},
    {name: 'something else', line: '{"kind":"List"}', detail: /not a snapshot/},
    {name: 'a newer version', line: HEADER.replace('"version":1', '"version":2'), detail: /version 2: only 1/},
    {name: 'no site', line: HEADER.replace('"site":"a",', ''), detail: /^site: /},
    {name: 'an unknown source', line: HEADER.replace('"datastore",', '"kernel",'), detail: /^source: /},
    {name: 'a datastore without a name', line: HEADER.replace('"datastore":"main",', ''), detail: /^datastore: /},
  ]
  for (const {name, line, detail} of headers) {
    it(`${name} is no snapshot`, () => {
      const {snapshot, findings} = parseSnapshot(`${line}\n{"key":"/a","text":"","modRevision":1}\n`, 'x.jsonl')
      assert.equal(snapshot, null)
      assert.equal(findings.length, 1)
      assert.match(findings[0]!.detail, detail)
      assert.deepEqual(findings[0]!.where, {source: 'snapshot x.jsonl', line: 1})
    })
  }

  it('the checksum behind what a gateway keeps is no record; elsewhere it is a bad line', () => {
    const [record, end] = ['{"key":"/a","text":"x","modRevision":1}', '{"kind":"end","records":1,"sha256":"00"}']
    const kept = parseSnapshot(`${[HEADER, record, end].join('\n')}\n`, 'x')
    assert.deepEqual([kept.snapshot?.records.length, kept.findings], [1, []])
    const {findings} = parseSnapshot([HEADER, end, record].join('\n'), 'x')
    assert.deepEqual(
      findings.map(({where}) => where.line),
      [2],
    )
  })

  it('a bad line is named and left out', () => {
    const lines = [
      HEADER,
      '{"key":"/a","text":"1","modRevision":1}',
      'nonsense',
      '',
      '{"key":"/b","modRevision":1}',
      '{"key":"/c","base64":"***","modRevision":1}',
      '{"text":"1","modRevision":1}',
      '{"key":"/d","text":"1"}',
      '{"key":"/e","text":"2","modRevision":2}',
    ]
    const {snapshot, findings} = parseSnapshot(lines.join('\n'), 'x')
    assert.deepEqual(
      snapshot?.records.map(({key}) => key),
      ['/a', '/e'],
    )
    assert.deepEqual(
      findings.map(({where}) => where.line),
      [3, 5, 6, 7, 8],
    )
  })
})
