import assert from 'node:assert/strict'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {Etcd3} from 'etcd3'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {inNamespace, shell} from '../support/namespace.ts'
import {type CliResult, cli} from '../support/run-cli.ts'
import {CALICO, EXPORT, ISTHMUS} from '../support/sites.ts'

/** What the site had before Isthmus came. */
const BEFORE = {
  [`${CALICO}clusterinformations/default`]: '{"spec": {"datastoreReady":true} }',
  [`${CALICO}ippools/default`]: '{ "spec": {"cidr": "10.1.0.0/16"}}\n',
  [`${ISTHMUS}tiers/mine`]: '{"spec": {}}',
}
const MARKS = {labels: {'isthmus.io/site': 'b'}, annotations: {'isthmus.io/owner': 'a'}}
const OURS = {
  [`${EXPORT}meta`]: '{"schema":1,"site":"a","generation":1}',
  [`${EXPORT}gateways/a1`]: '{}',
  '/isthmus/v1/leader': '{"gateway":"a1"}',
  [`${CALICO}ippools/isthmus-b-10-2-0-0-16`]: JSON.stringify({metadata: MARKS, spec: {cidr: '10.2.0.0/16'}}),
}
const ALIVE = '/isthmus/v1/alive/a1'

inNamespace(import.meta.url, () => {
  describe('isthmus purge --datastore, on a real etcd', function () {
    this.timeout(30_000)
    const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-purge-etcd-'))
    const file = path.join(folder, 'gateway.yaml')
    let etcd: EtcdServer
    let client: Etcd3

    before(async () => {
      etcd = await startEtcd()
      client = plainClient(etcd.endpoint)
      const paths = `{state: ${folder}/state, run: ${folder}/run, birdConfig: ${folder}/bird.conf, birdSocket: ${folder}/bird.ctl}`
      writeFileSync(file, `${gatewayYaml([etcd.endpoint])}paths: ${paths}\n`)
      for (const [key, text] of Object.entries({...BEFORE, ...OURS})) await client.put(key).value(text)
      shell("nft 'add table inet isthmus'")
    })
    after(async () => {
      client.close()
      await etcd.stop()
      rmSync(folder, {recursive: true})
    })

    const purge = (...how: string[]): Promise<CliResult> => cli(['purge', '--datastore', ...how, '--config', file])
    const everything = (): Promise<Record<string, string>> => client.getAll().strings()
    const isInKernel = (): boolean => shell('nft list tables').includes('table inet isthmus')

    it('--dry-run says what would go, and does nothing', async () => {
      const {status, out} = await purge('--dry-run')
      assert.equal(status, 0)
      assert.match(out, /^datastore main +remove +1 objects that were written back$/m)
      assert.match(out, /^datastore main +remove +the export, 3 keys$/m)
      assert.match(out, /^nft table inet isthmus +remove/m)
      assert.deepEqual([await everything(), isInKernel()], [{...BEFORE, ...OURS}, true])
    })

    it('while a gateway of the site lives nothing goes, on this machine neither', async () => {
      await client.put(ALIVE).value('{}')
      const {status, out, err} = await purge('--yes')
      assert.equal(status, 1, out)
      assert.match(err, /error site-in-use datastore main \/isthmus\/v1\/alive\/a1: gateway a1 of site a lives/)
      assert.deepEqual([await everything(), isInKernel()], [{...BEFORE, ...OURS, [ALIVE]: '{}'}, true])
      await client.delete().key(ALIVE)
    })

    it('nor where etcd does not answer: status 3', async () => {
      await etcd.kill()
      const {status, err} = await purge('--yes')
      await etcd.start()
      assert.deepEqual([status, isInKernel()], [3, true], err)
      assert.match(err, /error etcd-unreachable datastore main/)
    })

    it('then all of it goes, in etcd and in the kernel, and what others have stays byte for byte', async () => {
      const {status, err} = await purge('--yes')
      assert.deepEqual([status, err], [0, ''])
      assert.deepEqual([await everything(), isInKernel()], [BEFORE, false])
    })
  })
})
