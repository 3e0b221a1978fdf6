import assert from 'node:assert/strict'
import {chmodSync, writeFileSync} from 'node:fs'
import {type EtcdUsers, startUsers} from '../support/etcd-users.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {type Issued, issuedFolder, SERVER} from '../support/issued.ts'
import {type CliResult, cli} from '../support/run-cli.ts'

const TIER = 'apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: platform}\nspec: {order: 100}\n'

describe('the command line, with a user by name and password over TLS', function () {
  this.timeout(60_000)
  let issued: Issued
  let users: EtcdUsers
  const run = (...args: string[]): Promise<CliResult> =>
    cli([...args, '--config', issued.at('gateway.yaml')], undefined, Date.now())

  before(async () => {
    issued = issuedFolder()
    await issued.make('ca')
    await issued.make('server', {...SERVER, issuer: 'ca'})
    const tls = {ca: issued.at('ca.pem'), cert: issued.at('server.pem'), key: issued.at('server.key')}
    users = await startUsers([], {...tls, open: 'clients'})
    const range = {key: Buffer.from('/calico/'), range_end: Buffer.from('/calico0')}
    await users.root.auth.roleGrantPermission({name: 'isthmus', perm: {permType: 'Read', ...range}})
    const {name, passwordFile} = users.user
    const user = `{name: ${name}, password: {file: ${passwordFile}}}`
    const config = gatewayYaml([users.server.endpoint], {tls: `{ca: ${tls.ca}}, user: ${user}`})
    writeFileSync(issued.at('gateway.yaml'), config.replace('kind: calico', 'kind: isthmus'))
    writeFileSync(issued.at('tier.yaml'), TIER)
  })
  after(async () => {
    await users?.stop()
    issued?.remove()
  })
  afterEach(() => users.writePassword('first'))

  it('diagnose walks the whole way as this user', async () => {
    const {status, out, err} = await run('diagnose', '--only', 'certificates,datastores', '-o', 'wide')
    assert.deepEqual([status, err], [0, ''], out)
    const steps = [...out.matchAll(/^ +(ok|!!) (\w+) /gm)].map(([, ok, step]) => `${ok} ${step}`)
    const want = ['name', 'tcp', 'tls', 'certificate', 'client', 'etcd', 'user', 'range', 'range', 'watch', 'watch']
    assert.deepEqual(
      steps,
      want.map((step) => `ok ${step}`),
    )
    assert.match(out, /ok user +isthmus: isthmus; read \/calico\/, readwrite \/isthmus\/v1\/\n/)
    assert.match(out, /datastore main: user isthmus, with the password in \S+/)
    assert.equal(/first|CN /.test(out), false)
  })

  it('applies, takes away, and saves', async () => {
    assert.equal((await run('apply', '-f', issued.at('tier.yaml'))).status, 0)
    const saved = await run('snapshot', 'save', issued.at('snapshot'))
    assert.equal(saved.status, 0, saved.err)
    const shown = await cli(['snapshot', 'show', issued.at('snapshot'), '-o', 'json'])
    assert.match(shown.out, /"kind": "Tier",\s+"keys": 1/)
    assert.equal((await run('delete', '-f', issued.at('tier.yaml'))).status, 0)
  })

  it('a wrong password is told as such, by each command', async () => {
    users.writePassword('wrong')
    const {status, out} = await run('diagnose', 'datastore', 'main')
    assert.equal(status, 1)
    assert.match(out, /ok etcd .*\n +!! user +.*authentication failed/)
    const told = [...out.matchAll(/^ *(?:error|warning) (.*)$/gm)].map(([, line]) => line)
    assert.equal(told.length, 1, out)
    assert.match(
      told[0]!,
      /^etcd-refused .*: it does not know the user isthmus of our password: .*; `etcdctl user passwd`/,
    )
    const applied = await run('apply', '-f', issued.at('tier.yaml'))
    assert.equal(applied.status, 1)
    assert.match(
      applied.err,
      /error etcd-refused: .*authentication failed.*; name and password of the datastore’s `user` must be/,
    )
  })

  it('a password that everybody can read is told', async () => {
    chmodSync(users.user.passwordFile, 0o644)
    const {status, out} = await run('diagnose', 'datastore', 'main')
    assert.equal(status, 1)
    assert.match(out, /warning password-open datastore main user\.password\.file: .*\(mode 0644\); chmod 0600/)
  })

  it('an etcd that asks nobody refuses a user by password', async () => {
    await users.root.auth.authDisable()
    const {status, out} = await run('diagnose', 'datastore', 'main')
    assert.equal(status, 1)
    assert.match(out, /error etcd-refused .*: user isthmus cannot log in: it asks nobody who he is/)
    assert.match((await run('apply', '-f', issued.at('tier.yaml'))).err, /authentication is not enabled/)
  })
})
