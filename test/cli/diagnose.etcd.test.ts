import assert from 'node:assert/strict'
import {writeFileSync} from 'node:fs'
import {type EtcdServer, startEtcd} from '../support/etcd-server.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {type Issued, issuedFolder} from '../support/issued.ts'
import {type CliResult, cli} from '../support/run-cli.ts'

describe('isthmus diagnose', () => {
  let issued: Issued
  let etcd: EtcdServer
  const run = (...args: string[]): Promise<CliResult> =>
    cli(['diagnose', ...args, '--config', issued.at('gateway.yaml')], undefined, Date.now())
  const site = (...args: string[]): Promise<CliResult> =>
    cli(['site', ...args, '--folder', issued.folder, '--endpoints', etcd.endpoint], undefined, Date.now())
  /** The own datastore as the gateway reaches it, and the same etcd as site b's, as a remote reaches it. */
  const configure = (client = 'gateway', remote = 'remotes/b', endpoint = etcd.endpoint): void => {
    const tls = (name: string): string =>
      `{ca: ${issued.at('ca.pem')}, cert: ${issued.at(`${name}.pem`)}, key: ${issued.at(`${name}.key`)}}`
    const sites = `{b: {owns: [10.2.0.0/16], endpoints: ["${endpoint}"], tls: ${tls(remote)}}}`
    writeFileSync(issued.at('gateway.yaml'), gatewayYaml([endpoint], {tls: tls(client), sites}))
  }

  before(async () => {
    issued = issuedFolder()
    const made = ['init', '--site', 'a', '--folder', issued.folder, '--server', 'm1=127.0.0.1']
    assert.equal((await cli(['site', ...made], undefined, Date.now())).status, 0)
    etcd = await startEtcd({
      ca: issued.at('ca.pem'),
      cert: issued.at('etcd-m1.pem'),
      key: issued.at('etcd-m1.key'),
    })
    configure()
  })
  after(async () => {
    await etcd?.stop()
    issued.remove()
  })

  it('an etcd that asks nobody is told, and what it would take', async () => {
    const {status, out} = await run('datastore', 'main')
    assert.equal(status, 1)
    assert.match(out, /!! user +it asks nobody who he is\n/)
    assert.match(out, /warning etcd-open datastore main https:\S+: it asks nobody .*; `isthmus site init/)
  })

  it('walks the whole way where all is well', async () => {
    assert.equal((await site('init', '--site', 'a')).status, 0)
    const out = issued.at('bundle')
    const joined = await site(
      'join',
      'b',
      '--config',
      issued.at('gateway.yaml'),
      '--advertise',
      etcd.endpoint,
      '--out',
      out,
    )
    assert.equal(joined.status, 0, joined.err)
    const all = await run('--only', 'certificates,datastores', '-o', 'wide')
    assert.deepEqual([all.status, all.err], [0, ''], all.out)
    assert.match(all.out, /^ok certificates\n/)
    assert.match(all.out, /\nok datastores\n/)
    const steps = [...all.out.matchAll(/^ +(ok|!!) (\w+) /gm)].map(([, ok, step]) => `${ok} ${step}`)
    const head = ['name', 'tcp', 'tls', 'certificate', 'client', 'etcd', 'user']
    const own = [...head, ...Array(4).fill('range'), ...Array(4).fill('watch')]
    assert.deepEqual(
      steps,
      [...own, ...head, 'range', 'watch'].map((step) => `ok ${step}`),
    )
    assert.match(all.out, /isthmus-remote-b: isthmus-remote; read \/isthmus\/v1\/export\/\n/)
    const json = await run('datastore', 'b', '-o', 'json')
    const {ok, checks} = JSON.parse(json.out)
    assert.deepEqual([json.status, ok, checks[0].check, checks[0].findings], [0, true, 'datastore b', []])
  })

  it('says which right is missing', async () => {
    configure('remotes/b')
    const {status, out} = await run('datastore', 'main')
    assert.equal(status, 1)
    assert.match(out, /!! range +\/calico\/resources\S+: .*permission denied/)
    assert.match(
      out,
      /error etcd-refused .*range \/calico\/.*; user isthmus-remote-b needs a role with read on \/calico\//,
    )
    configure()
  })

  it('a user that was taken away is not known', async () => {
    // The certificate is still here, as it is at the site that was turned away.
    const remote = 'bundle/client'
    configure('gateway', remote)
    const left = await site('leave', 'b', '--config', issued.at('gateway.yaml'), '--sites', issued.at('sites'))
    assert.match(left.out, /user isthmus-remote-b goes/)
    const {status, out} = await run('datastore', 'b')
    assert.equal(status, 1)
    assert.match(
      out,
      /error etcd-refused export b https:\S+: it does not know the user isthmus-remote-b of our certificate/,
    )
    configure()
  })

  it('an expired certificate, a foreign one: named with file, and where the way ends', async () => {
    await issued.make('late', {issuer: 'ca'})
    issued.expire('late', 'ca')
    configure('late')
    const late = await run('datastore', 'main')
    assert.equal(late.status, 1)
    assert.match(late.out, /error certificate-expired datastore main tls\.cert: \S+late\.pem: .*expired on/)
    assert.match(late.out, /!! client /)
    assert.match(late.out, /error certificate-refused .*CN=late .*which expired on/)
    await issued.make('other')
    await issued.make('stranger', {issuer: 'other'})
    configure('stranger')
    assert.match(
      (await run('datastore', 'main')).out,
      /error certificate-refused .*CN=stranger .*not by an authority in \S+ca\.pem/,
    )
    configure()
  })

  it('nobody there; an unknown name; a configuration that is none', async () => {
    configure('gateway', 'remotes/b', 'https://127.0.0.1:1')
    const {status, out} = await run('datastore', 'main')
    assert.equal(status, 1)
    assert.match(out, /!! tcp +connect ECONNREFUSED 127\.0\.0\.1:1\n/)
    assert.match(out, /error etcd-unreachable .*; nothing listens there/)
    const unknown = await run('datastore', 'nonsense')
    assert.deepEqual([unknown.status, /there is main, b/.test(unknown.err)], [2, true])
    assert.equal((await cli(['diagnose', '--config', '/nonexistent.yaml'])).status, 1)
    configure()
  })

  it('clear text is walked too, and told', async () => {
    writeFileSync(issued.at('gateway.yaml'), gatewayYaml(['http://127.0.0.1:1']))
    const {status, out} = await run('--only', 'certificates,datastores', '-o', 'wide')
    assert.equal(status, 1)
    assert.match(out, /warning datastore-insecure datastore main insecure: http:\S+: clear text/)
    assert.match(out, /!! etcd /)
    configure()
  })
})
