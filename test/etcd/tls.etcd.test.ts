import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {Etcd3} from 'etcd3'
import {makeCertificates} from '../../lab/site/certificates.ts'
import type {WatchClock} from '../../src/etcd/index.ts'
import {type EtcdServer, startEtcd} from '../support/etcd-server.ts'
import {followExport, putEndpoint, putExport} from '../support/followed-export.ts'
import {watchClock} from '../support/watch-clock.ts'

/** Long enough for the files to be looked at, and for what was found to be tried. */
const NOTICED_MS = 20_000

/** Files are looked at every second instead of three; an answer may take as long. */
const HASTY: WatchClock = {...watchClock, sleep: (ms, signal) => watchClock.sleep(ms >= 3000 ? ms / 3 : ms, signal)}

describe('a remote site’s etcd over TLS, with users', function () {
  this.timeout(60_000)
  let dir = ''
  let server: EtcdServer
  let client: Etcd3
  const file = (name: string): string => join(dir, name)
  const tls = (): {ca: string; cert: string; key: string} => {
    return {ca: file('used-ca.pem'), cert: file('used.pem'), key: file('used.key')}
  }
  const use = (name: string, from: string): void => {
    copyFileSync(file(from), file(`${name}.new`))
    renameSync(file(`${name}.new`), file(name))
  }

  before(async () => {
    dir = mkdtempSync('/dev/shm/isthmus-tls-')
    const first = await makeCertificates(join(dir, '1'), [['127.0.0.2']])
    await makeCertificates(join(dir, '2'), [['127.0.0.2']])
    // The server takes clients of both authorities, as while one is replaced by the other.
    writeFileSync(file('both.pem'), readFileSync(file('1/ca.pem'), 'utf8') + readFileSync(file('2/ca.pem'), 'utf8'))
    use('server.pem', '1/server-127.0.0.2.pem')
    use('server.key', '1/server-127.0.0.2.key')
    server = await startEtcd({ca: file('both.pem'), cert: file('server.pem'), key: file('server.key')}, [
      '--auth-token-ttl',
      '1',
    ])
    const own = first.client('isthmus')
    client = new Etcd3({
      hosts: server.endpoint,
      credentials: {
        rootCertificate: readFileSync(file('both.pem')),
        privateKey: readFileSync(own.key),
        certChain: readFileSync(own.cert),
      },
    })
    const {auth} = client
    for (const name of ['root', 'isthmus', 'isthmus-remote']) {
      await auth.roleAdd({name})
      await auth.userAdd({name, password: 'never used'})
      await auth.userGrantRole({user: name, role: name})
    }
    const range = (from: string) => ({key: Buffer.from(`${from}/`), range_end: Buffer.from(`${from}0`)})
    await auth.roleGrantPermission({name: 'isthmus', perm: {permType: 'Readwrite', ...range('/isthmus/v1/export')}})
    await auth.roleGrantPermission({name: 'isthmus-remote', perm: {permType: 'Read', ...range('/isthmus/v1/export')}})
    await auth.authEnable()
    await putExport(client, ['10.2.0.5'])
  })
  after(async () => {
    client?.close()
    await server?.stop()
    rmSync(dir, {recursive: true})
  })

  let followed: ReturnType<typeof followExport>
  beforeEach(async () => {
    use('used-ca.pem', '1/ca.pem')
    use('used.pem', '1/isthmus-remote.pem')
    use('used.key', '1/isthmus-remote.key')
    followed = followExport([server.endpoint], tls(), {clock: HASTY})
    await followed.until((state) => state.connected && followed.has('10.2.0.5'), 'the first list')
    followed.forget()
  })
  afterEach(() => followed?.stop())

  /** Connections of this process to the server, the test's own among them: each has a local port of its own. */
  const connections = (): string[] =>
    execFileSync('ss', ['-Htnp', 'state', 'established', `dport = :${server.port}`])
      .toString()
      .split('\n')
      .filter((line) => line.includes(`pid=${process.pid},`))
      .map((line) => line.trim().split(/\s+/)[2]!)
      .sort()

  it('a user that comes by certificate has no token that could end: the watch outlives the tokens’ time', async () => {
    const before = followed.state().lastHeardMs!
    await followed.until(({lastHeardMs}) => lastHeardMs! > before + 3000, 'three times the life of a token')
    await putEndpoint(client, '10.2.0.6')
    await followed.until(() => followed.has('10.2.0.6'), 'an event')
    assert.deepEqual(followed.state().resyncs, {start: 1})
    assert.deepEqual(followed.removed, [])
  })

  it('a client certificate of a new authority: taken while the watch runs, with nothing told', async () => {
    const before = connections()
    let isEver = true
    const watching = followed.until(
      (state) => {
        isEver &&= state.connected
        const now = connections()
        return now.some((port) => !before.includes(port)) && before.some((port) => !now.includes(port))
      },
      'a connection with the new certificate',
      NOTICED_MS,
    )
    use('used.key', '2/isthmus-remote.key')
    use('used.pem', '2/isthmus-remote.pem')
    await watching
    assert.equal(isEver, true, 'never away in between')
    await putEndpoint(client, '10.2.0.7')
    await followed.until(() => followed.has('10.2.0.7'), 'an event over it')
    assert.deepEqual(followed.state().resyncs, {start: 1})
    assert.deepEqual([followed.changed.filter((prefix) => prefix !== '10.2.0.7/32'), followed.removed], [[], []])
  })

  it('files that do not go together are not used: the old connection goes on, and says why', async () => {
    use('used.key', '2/isthmus-remote.key')
    await followed.until(({lastError}) => lastError !== null, 'that it is told', NOTICED_MS)
    assert.match(
      followed.state().lastError!,
      /^renewed certificate files: .*; the connection with the old ones goes on$/,
    )
    assert.equal(followed.state().connected, true)
    await putEndpoint(client, '10.2.0.8')
    await followed.until(() => followed.has('10.2.0.8'), 'an event over it')
    use('used.key', '1/isthmus-remote.key')
    await followed.until(({lastError}) => lastError === null, 'that it is well again', NOTICED_MS)
  })

  it('a server that changes its authority, the client knowing both: nothing is told', async () => {
    use('used-ca.pem', 'both.pem')
    use('server.pem', '2/server-127.0.0.2.pem')
    use('server.key', '2/server-127.0.0.2.key')
    await server.kill()
    await followed.until(({connected}) => !connected, 'that it is away')
    await server.start()
    await followed.until(({connected}) => connected, 'that it is back', NOTICED_MS)
    assert.deepEqual([followed.batches, followed.changed], [[], []])
    assert.deepEqual(followed.state().resyncs, {start: 1})
  })
})
