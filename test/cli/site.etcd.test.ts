import assert from 'node:assert/strict'
import {cp, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {Etcd3} from 'etcd3'
import {startCluster} from '../support/etcd-cluster.ts'
import {type EtcdServer, startEtcd} from '../support/etcd-server.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {eventually} from '../support/namespace.ts'
import {type CliResult, cli} from '../support/run-cli.ts'

const DAY_MS = 86_400_000

describe('isthmus site', () => {
  let root: string
  let etcd: EtcdServer | null = null
  const at = (...parts: string[]): string => path.join(root, ...parts)
  const run = (args: readonly string[], nowMs = Date.now()): Promise<CliResult> =>
    cli(['site', ...args], undefined, nowMs)
  const init = (folder: string, ...more: string[]): Promise<CliResult> =>
    run(['init', '--site', 'a', '--folder', at(folder), ...more])
  const serverTls = (folder: string) => ({
    ca: at(folder, 'ca.pem'),
    cert: at(folder, 'etcd-m1.pem'),
    key: at(folder, 'etcd-m1.key'),
  })
  const clientOf = async (endpoint: string, files: {ca: string; cert: string; key: string}): Promise<Etcd3> => {
    const [rootCertificate, certChain, privateKey] = await Promise.all(
      [files.ca, files.cert, files.key].map((file) => readFile(file)),
    )
    return new Etcd3({
      hosts: endpoint,
      credentials: {rootCertificate: rootCertificate!, certChain: certChain!, privateKey: privateKey!},
    })
  }
  const admin = (folder: string, endpoint: string): Promise<Etcd3> =>
    clientOf(endpoint, {ca: at(folder, 'ca.pem'), cert: at(folder, 'admin.pem'), key: at(folder, 'admin.key')})

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'isthmus-site-'))
    await writeFile(at('a.yaml'), gatewayYaml(['https://127.0.0.1:1'], {tls: '{ca: /x, cert: /x, key: /x}'}))
    await writeFile(
      at('b.yaml'),
      gatewayYaml(['https://127.0.0.1:1'], {tls: '{ca: /x, cert: /x, key: /x}'})
        .replace('site: a', 'site: b')
        .replace('authorities: [a]', 'authorities: [b]')
        .replace('10.1.0.0/16', '10.2.0.0/16'),
    )
  })
  afterEach(async () => {
    await etcd?.stop()
    etcd = null
    await rm(root, {recursive: true})
  })

  it('makes what is missing, once', async () => {
    const dry = await init('tls', '--server', 'm1=127.0.0.1', '--dry-run')
    assert.match(dry.out, /^ca\.pem +create +not there$/m)
    await assert.rejects(readdir(at('tls')))

    const first = await init('tls', '--server', 'm1=127.0.0.1')
    assert.deepEqual([first.status, first.err], [0, ''])
    const files = (await readdir(at('tls'))).sort()
    const pairs = ['admin', 'ca', 'etcd-m1', 'gateway', 'peer-ca', 'peer-m1']
    assert.deepEqual(files, pairs.flatMap((name) => [`${name}.key`, `${name}.pem`]).sort())
    for (const file of files.filter((name) => name.endsWith('.key'))) {
      assert.equal((await stat(at('tls', file))).mode & 0o777, 0o600, file)
    }
    const before = await Promise.all(files.map((file) => readFile(at('tls', file), 'utf8')))

    // The servers are known from their files by then.
    const second = await init('tls')
    assert.equal(second.status, 0)
    assert.deepEqual(
      [
        ...new Set(
          second.out
            .split('\n')
            .slice(1, -1)
            .map((line) => line.split(/ {2,}/)[1]),
        ),
      ],
      ['keep'],
    )
    assert.deepEqual(await Promise.all(files.map((file) => readFile(at('tls', file), 'utf8'))), before)
  })

  it('says what expires soon, and makes it anew when told, with the authority and its key kept', async () => {
    await init('tls', '--server', 'm1=127.0.0.1')
    const key = await readFile(at('tls', 'gateway.key'), 'utf8')
    const soon = Date.now() + 340 * DAY_MS
    const args = ['init', '--site', 'a', '--folder', at('tls')]
    const told = await run(args, soon)
    assert.equal(told.status, 1)
    assert.match(told.err, /warning certificate-expiring .* gateway\.pem: expires on 20\S+; --renew makes it anew/)
    assert.equal(await readFile(at('tls', 'gateway.key'), 'utf8'), key)

    const authority = await readFile(at('tls', 'ca.pem'), 'utf8')
    const renewed = await run([...args, '--renew'], soon)
    assert.equal(renewed.status, 0, renewed.err)
    assert.match(renewed.out, /gateway\.pem +renew +expires on/)
    assert.notEqual(await readFile(at('tls', 'gateway.key'), 'utf8'), key)
    assert.equal(await readFile(at('tls', 'ca.pem'), 'utf8'), authority)

    const later = await run([...args, '--renew'], Date.now() + 3300 * DAY_MS)
    assert.match(later.out, /^ca\.pem +renew/m)
    // A new certificate of the authority, and what the old one signed is still good.
    assert.notEqual(await readFile(at('tls', 'ca.pem'), 'utf8'), authority)
    assert.equal((await run(args)).status, 0)
  })

  it('adds a name to a server with --renew, and refuses what is not its own', async () => {
    await init('tls', '--server', 'm1=127.0.0.1')
    const lacks = await init('tls', '--server', 'm1=127.0.0.1,etcd.example')
    assert.match(lacks.err, /etcd-m1\.pem: lacks etcd\.example; --renew/)
    assert.equal((await init('tls', '--server', 'm1=127.0.0.1,etcd.example', '--renew')).status, 0)
    assert.equal((await init('tls', '--server', 'm1=127.0.0.1,etcd.example')).status, 0)

    await cp(at('tls', 'admin.key'), at('tls', 'gateway.key'))
    const mixed = await init('tls', '--renew')
    assert.equal(mixed.status, 1)
    assert.match(
      mixed.err,
      /error certificate-not-made .* gateway\.pem: .*gateway\.key is not the key of .*gateway\.pem/,
    )
    await rm(at('tls', 'ca.pem'))
    await rm(at('tls', 'ca.key'))
    assert.match((await init('tls')).err, /admin\.pem: ca\.pem, which signed it, is not here/)
    await assert.rejects(readFile(at('tls', 'ca.pem')))
  })

  it('gives a remote site its user, which reads the export and nothing else, and takes it away', async () => {
    await init('tls', '--server', 'm1=127.0.0.1')
    etcd = await startEtcd(serverTls('tls'))
    const {endpoint} = etcd
    const live = ['--endpoints', endpoint]
    const first = await init('tls', ...live)
    assert.equal(first.status, 0, first.err)
    assert.match(first.out, /etcd asks for users from now on\n$/)
    const again = await init('tls', ...live)
    assert.equal(again.status, 0, again.err)
    assert.match(again.out, /keep +users and roles are as they should be/)
    assert.doesNotMatch(again.out, /change|create/)

    const root = await admin('tls', endpoint)
    const gateway = await clientOf(endpoint, {
      ca: at('tls', 'ca.pem'),
      cert: at('tls', 'gateway.pem'),
      key: at('tls', 'gateway.key'),
    })
    await gateway.put('/isthmus/v1/export/meta').value('{}')
    await gateway.put('/calico/x').value('{}')
    await assert.rejects(async () => await gateway.put('/other').value('x'), /permission denied/)

    const files = {ca: at('bundle', 'ca.pem'), cert: at('bundle', 'client.pem'), key: at('bundle', 'client.key')}
    const tls = `{ca: ${at('tls', 'ca.pem')}, cert: ${at('tls', 'gateway.pem')}, key: ${at('tls', 'gateway.key')}}`
    await writeFile(at('a.yaml'), gatewayYaml([endpoint], {tls}))
    const common = ['--config', at('a.yaml'), '--folder', at('tls'), ...live]
    const join = ['join', 'b', ...common, '--owns', '10.2.0.0/16', '--advertise', endpoint, '--out', at('bundle')]
    const joined = await run(join)
    assert.equal(joined.status, 0, joined.err)
    assert.match(joined.out, /user isthmus-remote-b/)
    assert.equal((await run(join)).status, 0)
    const remote = await clientOf(endpoint, files)
    assert.equal(await remote.get('/isthmus/v1/export/meta').string(), '{}')
    const refused = [
      async () => await remote.put('/isthmus/v1/export/meta').value('evil'),
      async () => await remote.delete().key('/isthmus/v1/export/meta'),
      async () => await remote.get('/calico/x').string(),
      async () => await remote.get('/isthmus/v1/leader').string(),
      async () => await remote.getAll().prefix('/').keys(),
      async () => await remote.auth.userAdd({name: 'evil', password: 'x'}),
    ]
    for (const attempt of refused) await assert.rejects(attempt, /permission denied/, attempt.toString())

    const left = await run(['leave', 'b', ...common, '--sites', at('sites')])
    assert.equal(left.status, 0, left.err)
    assert.match(left.out, /remove +user isthmus-remote-b goes/)
    await assert.rejects(async () => await remote.get('/isthmus/v1/export/meta').string(), /permission denied/)
    assert.deepEqual(await readdir(at('tls', 'remotes')), [])
    const twice = await run(['leave', 'b', ...common, '--sites', at('sites')])
    assert.deepEqual([twice.status, twice.err], [0, ''])
    assert.match(twice.out, /nothing of it is left here/)
    assert.equal(await gateway.get('/isthmus/v1/export/meta').string(), '{}')

    // A certificate of the right CN but another authority is not let in at all.
    await run(['init', '--site', 'a', '--folder', at('other')])
    const foreign = await run(['init', '--site', 'a', '--folder', at('other'), ...live])
    assert.equal(foreign.status, 3)
    assert.match(
      foreign.err,
      /error certificate-untrusted etcd https:\S+: the server's certificate is signed by another O=isthmus a, CN=isthmus a etcd than the one in .*other\/ca\.pem/,
    )
    for (const client of [root, gateway, remote]) client.close()
  })

  it('three members: users are made once, known by each, and kept while one of them is away', async () => {
    const names = ['m1', 'm2', 'm3']
    await init('tls', ...names.flatMap((name) => ['--server', `${name}=127.0.0.1`]))
    const cluster = await startCluster((name) => ({
      client: {ca: at('tls', 'ca.pem'), cert: at('tls', `etcd-${name}.pem`), key: at('tls', `etcd-${name}.key`)},
      peer: {ca: at('tls', 'peer-ca.pem'), cert: at('tls', `peer-${name}.pem`), key: at('tls', `peer-${name}.key`)},
    }))
    try {
      const live = ['--endpoints', cluster.endpoints.join()]
      const first = await init('tls', ...live)
      assert.equal(first.status, 0, first.err)
      assert.match(first.out, /etcd asks for users from now on\n$/)
      const own = {ca: at('tls', 'ca.pem'), cert: at('tls', 'gateway.pem'), key: at('tls', 'gateway.key')}
      for (const endpoint of cluster.endpoints) {
        const gateway = await clientOf(endpoint, own)
        await gateway.put('/isthmus/v1/export/meta').value(endpoint)
        await assert.rejects(async () => await gateway.put('/other').value('x'), /permission denied/)
        gateway.close()
      }

      await writeFile(
        at('a.yaml'),
        gatewayYaml(cluster.endpoints, {tls: `{ca: ${own.ca}, cert: ${own.cert}, key: ${own.key}}`}),
      )
      const diagnosed = await cli(['diagnose', 'datastore', 'main', '--config', at('a.yaml')], undefined, Date.now())
      assert.equal(diagnosed.status, 0, diagnosed.out + diagnosed.err)

      await cluster.members[0]!.kill()
      // It may have led: the others need a moment to choose.
      const survivor = await clientOf(cluster.endpoints[1]!, own)
      const writes = () => survivor.put('/isthmus/v1/export/meta').value(cluster.endpoints[2]!)
      await eventually(
        async () =>
          await writes().then(
            () => true,
            () => false,
          ),
        15_000,
      )
      survivor.close()
      const again = await init('tls', ...live)
      assert.match(again.out, /keep +users and roles are as they should be/)
      const away = cluster.members[0]!.endpoint
      assert.deepEqual(
        again.err.match(/^\w+ etcd-unreachable .*/gm)?.map((line) => line.includes(away)),
        [true],
        again.err,
      )
      const common = ['--config', at('a.yaml'), '--folder', at('tls'), ...live]
      const joined = await run([
        ...['join', 'b', ...common, '--owns', '10.2.0.0/16'],
        ...['--advertise', cluster.endpoints.join(), '--out', at('bundle')],
      ])
      assert.match(joined.out, /user isthmus-remote-b/, joined.err)
      const remote = await clientOf(cluster.endpoints[2]!, {
        ...{ca: at('bundle', 'ca.pem'), cert: at('bundle', 'client.pem'), key: at('bundle', 'client.key')},
      })
      assert.equal(await remote.get('/isthmus/v1/export/meta').string(), cluster.endpoints[2])
      remote.close()
    } finally {
      await cluster.stop()
    }
  })

  it('locks nobody out: Calico without a user, clients without a certificate', async () => {
    await init('tls', '--server', 'm1=127.0.0.1')
    for (const [open, said] of [
      ['clients', /error etcd-open .*takes clients without a certificate/],
      ['certificates', /error etcd-open .*does not know clients by their certificates .*switched off again/],
    ] as const) {
      etcd = await startEtcd({...serverTls('tls'), open})
      const {status, err} = await init('tls', '--endpoints', etcd.endpoint)
      assert.deepEqual([status, said.test(err)], [1, true], `${open}: ${err}`)
      // Nobody is locked out, and no way in was left.
      const client = await admin('tls', etcd.endpoint)
      assert.deepEqual((await client.auth.userList()).users, ['isthmus', 'root'])
      client.close()
      await etcd.stop()
    }

    etcd = await startEtcd(serverTls('tls'))
    const guarded = await admin('tls', etcd.endpoint)
    await guarded.put('/calico/resources/v3/projectcalico.org/x').value('{}')
    const calico = await init('tls', '--endpoints', etcd.endpoint)
    assert.equal(calico.status, 1)
    assert.match(calico.err, /error etcd-open etcd \/calico\/: Calico's own components.*--calico-user CN/)
    const named = await init('tls', '--endpoints', etcd.endpoint, '--calico-user', 'calico-node')
    assert.equal(named.status, 0, named.err)
    assert.match(named.out, /asks for users/)
    assert.ok((await readdir(at('tls'))).includes('calico-calico-node.pem'))
    // Someone widened what remote sites may do.
    await guarded.auth.roleGrantPermission({
      name: 'isthmus-remote',
      perm: {permType: 'Read', key: Buffer.from('/calico/'), range_end: Buffer.from('/calico0')},
    })
    const wide = await init('tls', '--endpoints', etcd.endpoint)
    assert.match(wide.err, /warning etcd-rights-wide etcd: role isthmus-remote has read on \/calico\//)
    guarded.close()
  })

  it('a bundle is taken by the site that it is for, and by no other', async () => {
    await init('tls', '--server', 'm1=127.0.0.1')
    const give = (...more: string[]) => run(['join', 'b', '--config', at('a.yaml'), '--folder', at('tls'), ...more])
    const given = await give('--advertise', 'https://127.0.0.1:2379', '--out', at('bundle'))
    assert.equal(given.status, 0, given.err)
    const take = (...more: string[]) =>
      run(['join', 'a', '--config', at('b.yaml'), '--sites', at('sites'), '--from', at('bundle'), ...more])

    const dry = await take('--dry-run')
    assert.equal(dry.status, 0, dry.err)
    await assert.rejects(readdir(at('sites')))
    const taken = await take('--encapsulation', 'wireguard')
    assert.equal(taken.status, 0, taken.err)
    assert.match(taken.out, /sites:\n {2}a:\n {4}owns: \["10\.1\.0\.0\/16"\]\n/)
    assert.equal((await stat(at('sites', 'a', 'client.key'))).mode & 0o777, 0o600)
    // What is printed is what gateway.yaml takes.
    const snippet = taken.out.slice(taken.out.indexOf('sites:\n'))
    await writeFile(at('joined.yaml'), (await readFile(at('b.yaml'), 'utf8')).replace('sites: {}\n', snippet))
    const checked = await cli(['check', at('joined.yaml')])
    assert.equal(checked.status, 0, checked.err)
    assert.match((await take()).out, /keep +there already, the same/)

    const wrong = await run(['join', 'a', '--config', at('a.yaml'), '--from', at('bundle')])
    assert.equal(wrong.status, 2)
    await writeFile(
      at('c.yaml'),
      (await readFile(at('b.yaml'), 'utf8')).replaceAll('site: b', 'site: c').replace('[b]', '[c]'),
    )
    const other = await run(['join', 'a', '--config', at('c.yaml'), '--from', at('bundle'), '--sites', at('sites')])
    assert.deepEqual([other.status, /was made for site b, and this is c/.test(other.err)], [1, true])

    // That the user stays in etcd is not passed over in silence.
    const half = await run(['leave', 'b', '--config', at('a.yaml'), '--folder', at('tls'), '--sites', at('none')])
    assert.equal(half.status, 3)
    assert.match(half.err, /error etcd-unreachable datastore main/)
    assert.match(half.err, /warning site-user-left etcd: whether site b still has its user .*--endpoints/)

    // It is in use as long as the configuration names the site.
    const leave = (config: string) =>
      run(['leave', 'a', '--config', at(config), '--sites', at('sites'), '--folder', at('x')])
    const early = await leave('joined.yaml')
    assert.equal(early.status, 1)
    assert.match(early.err, /take out sites\.a/)
    assert.deepEqual((await readdir(at('sites', 'a'))).length, 4)
    // What was written back of it can only be looked for where etcd answers.
    assert.equal((await leave('b.yaml')).status, 3)
    await writeFile(at('b.yaml'), (await readFile(at('b.yaml'), 'utf8')).replace('kind: calico', 'kind: isthmus'))
    await assert.rejects(readdir(at('sites', 'a')))
    assert.equal((await leave('b.yaml')).status, 0)
    await assert.rejects(readdir(at('sites', 'a')))
  })

  it('refuses prefixes that overlap before anything is made, and names both sites', async () => {
    await init('tls', '--server', 'm1=127.0.0.1')
    const before = await readdir(at('tls'))
    const give = ['join', 'b', '--config', at('a.yaml'), '--folder', at('tls'), '--out', at('bundle')]
    const given = await run([...give, '--owns', '10.0.0.0/8,10.9.0.0/16'])
    assert.equal(given.status, 1)
    assert.match(
      given.err,
      /^error prefix-conflict site b owns: site b's 10\.0\.0\.0\/8 overlaps site a's 10\.1\.0\.0\/16; /,
    )
    assert.deepEqual(await readdir(at('tls')), before)
    await assert.rejects(readdir(at('bundle')))

    assert.equal((await run([...give, '--advertise', 'https://127.0.0.1:2379'])).status, 0)
    await writeFile(at('b.yaml'), (await readFile(at('b.yaml'), 'utf8')).replace('10.2.0.0/16', '10.1.128.0/17'))
    const take = ['join', 'a', '--config', at('b.yaml'), '--sites', at('sites'), '--from', at('bundle')]
    const taken = await run(take)
    assert.equal(taken.status, 1)
    assert.match(taken.err, /prefix-conflict .*site a's 10\.1\.0\.0\/16 overlaps site b's 10\.1\.128\.0\/17/)
    await assert.rejects(readdir(at('sites')))
    assert.match(taken.err, /sites\.a\.translate/)

    const known =
      'sites: {a: {owns: [10.1.0.0/16], translate: [{prefix: 10.1.0.0/16, as: 10.201.0.0/16}], endpoints: [http://127.0.0.1:1], insecure: true}}\n'
    await writeFile(at('seen.yaml'), (await readFile(at('b.yaml'), 'utf8')).replace('sites: {}\n', known))
    const seen = ['join', 'a', '--config', at('seen.yaml'), '--sites', at('sites'), '--from', at('bundle'), '--dry-run']
    assert.doesNotMatch((await run(seen)).err, /prefix-conflict/, 'known by another prefix, it overlaps nobody')

    await writeFile(at('bundle', 'site.json'), '{"version":1,"site":"../a"}')
    assert.match((await run(take)).err, /site-bundle-invalid .*site\.json: site: no site name/)
  })
})
