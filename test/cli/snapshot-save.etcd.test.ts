import assert from 'node:assert/strict'
import {mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {gatewayYaml, REMOTE_B} from '../support/gateway-yaml.ts'
import {calicoFixture} from '../support/records.ts'
import {cli} from '../support/run-cli.ts'

describe('snapshot save', () => {
  let etcd: EtcdServer
  let folder: string

  before(async () => {
    etcd = await startEtcd()
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-save-'))
    const client = plainClient(etcd.endpoint)
    const {key, value} = calicoFixture('node')
    await client.put(key).value(Buffer.from(value))
    await client.put('/calico/binary').value(Buffer.from([0xff, 0x00]))
    await client.put('/isthmus/v1/export/meta').value('{"schema":1,"site":"a","generation":1}')
    await client.put('/other').value('not ours')
    client.close()
    await writeFile(
      path.join(folder, 'gateway.yaml'),
      gatewayYaml(['http://127.0.0.1:1', etcd.endpoint], {sites: REMOTE_B}),
    )
  })
  after(async () => {
    await etcd.stop()
    await rm(folder, {recursive: true})
  })

  it('writes a file a source, by the endpoint that answers, and names what it cannot read', async () => {
    const target = path.join(folder, 'out')
    const {status, out, err} = await cli(['snapshot', 'save', target, '--config', path.join(folder, 'gateway.yaml')])
    assert.equal(status, 1)
    assert.match(err, /^error etcd-unreachable export b: https:\/\/127\.0\.0\.1:1: .*ca\.pem/)
    assert.deepEqual((await readdir(target)).sort(), ['datastore-main.jsonl', 'export-a.jsonl'])
    assert.match(out, /datastore-main\.jsonl: 2 keys at revision \d+\n/)

    const saved = await readFile(path.join(target, 'datastore-main.jsonl'), 'utf8')
    assert.match(saved, /"key":"\/calico\/binary","base64":"\/wA="/)
    assert.doesNotMatch(saved, /not ours/)
    const {key, value} = calicoFixture('node')
    const line = saved.split('\n').find((text) => text.includes(JSON.stringify(key)))
    assert.equal(JSON.parse(line ?? '{}').text, Buffer.from(value).toString())
    assert.equal((await stat(path.join(target, 'datastore-main.jsonl'))).mode & 0o777, 0o600)

    const shown = await cli(['snapshot', 'show', target, '-o', 'json'])
    assert.deepEqual(
      JSON.parse(shown.out).snapshots.map((one: {source: string; keys: number}) => [one.source, one.keys]),
      [
        ['datastore', 2],
        ['export', 1],
      ],
    )
  })
})
