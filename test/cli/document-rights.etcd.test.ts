import assert from 'node:assert/strict'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {Etcd3} from 'etcd3'
import {makeCertificates} from '../../lab/site/certificates.ts'
import {type EtcdServer, startEtcd} from '../support/etcd-server.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {type CliResult, cli} from '../support/run-cli.ts'

const TIER = 'apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: platform}\nspec: {order: 100}\n'

describe('documents in an etcd with users and roles', () => {
  let etcd: EtcdServer
  let folder: string
  let client: Etcd3
  const run = (user: string, ...args: string[]): Promise<CliResult> =>
    cli([...args, '--config', path.join(folder, `${user}.yaml`)])

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-rights-'))
    const certificates = await makeCertificates(folder, [['127.0.0.2']])
    const {ca} = certificates
    etcd = await startEtcd({ca, ...certificates.server('127.0.0.2')})
    const {cert, key} = certificates.client('isthmus')
    const credentials = {
      rootCertificate: await readFile(ca),
      privateKey: await readFile(key),
      certChain: await readFile(cert),
    }
    client = new Etcd3({hosts: etcd.endpoint, credentials})
    // The role of docs/operate/policy.md, for the user of one certificate; the other one may only read the export.
    const grants = {
      root: null,
      isthmus: ['Readwrite', '/isthmus/v1/resources/', '/isthmus/v1/resources0'],
      'isthmus-remote': ['Read', '/isthmus/v1/export/', '/isthmus/v1/export0'],
    } as const
    for (const [name, grant] of Object.entries(grants)) {
      await client.auth.roleAdd({name})
      if (grant) {
        const [permType, from, to] = grant
        await client.auth.roleGrantPermission({
          name,
          perm: {permType, key: Buffer.from(from), range_end: Buffer.from(to)},
        })
      }
      await client.auth.userAdd({name, password: 'never used'})
      await client.auth.userGrantRole({user: name, role: name})
    }
    await client.auth.authEnable()
    for (const user of ['isthmus', 'isthmus-remote'] as const) {
      const own = certificates.client(user)
      await writeFile(
        path.join(folder, `${user}.yaml`),
        gatewayYaml([etcd.endpoint], {tls: JSON.stringify({ca, ...own})}),
      )
    }
    await writeFile(path.join(folder, 'tier.yaml'), TIER)
  })
  after(async () => {
    client?.close()
    await etcd?.stop()
    await rm(folder, {recursive: true})
  })

  it('readwrite on the documents is all that apply, get, diff and delete need', async () => {
    const tier = path.join(folder, 'tier.yaml')
    const applied = await run('isthmus', 'apply', '-f', tier)
    assert.equal(applied.status, 0, applied.err)
    // What the cluster holds is not theirs to read, so nobody can say what it means; that is told and refuses nothing.
    assert.match(
      applied.err,
      /warning etcd-unreachable: .*permission denied\nwhich flows|which flows change their verdict cannot be told/,
    )
    assert.match((await run('isthmus', 'get', 'tier', 'platform', '--stored', '-o', 'yaml')).out, /order: 100/)
    assert.equal((await run('isthmus', 'diff', '-f', tier)).status, 0)
    assert.equal((await run('isthmus', 'delete', '-f', tier)).status, 0)
  })

  it('without the right it is refused, and that is said', async () => {
    const {status, err, out} = await run('isthmus-remote', 'apply', '-f', path.join(folder, 'tier.yaml'))
    assert.deepEqual([status, out], [1, ''])
    assert.match(
      err,
      /error etcd-refused: .*permission denied; the user needs a role with readwrite on \/isthmus\/v1\/resources\//,
    )
  })
})
