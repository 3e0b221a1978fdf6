import assert from 'node:assert/strict'
import {generateKeyPairSync} from 'node:crypto'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {
  connect,
  EtcdRefused,
  EtcdUnreachable,
  openKeyValues,
  openLeases,
  type WatchClock,
} from '../../src/etcd/index.ts'
import {runWatchStream} from '../../src/etcd/watch-stream.ts'
import type {SourceBatch} from '../../src/model/index.ts'
import {type EtcdUsers, startUsers} from '../support/etcd-users.ts'
import {followExport, putEndpoint, putExport} from '../support/followed-export.ts'
import {EXPORT} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

/** A token that nobody uses ends after this time: etcd's least. */
const TOKEN = ['--auth-token-ttl', '1']
const TOKEN_MS = 2200

/** Three times as fast as the real one. */
const FAST: WatchClock = {
  ...watchClock,
  nowMs: () => 3 * watchClock.nowMs(),
  sleep: (ms, signal) => watchClock.sleep(ms / 3, signal),
}

type Followed = ReturnType<typeof followExport>

/** Whether it was ever seen to be away since. */
function watchAway(followed: Followed): {isSeen: () => boolean} {
  let isAway = false
  void followed
    .until((state) => {
      isAway ||= !state.connected
      return false
    }, 'never')
    .catch(() => {})
  return {isSeen: () => isAway}
}

/** How often anybody has logged in, as etcd counts. */
async function loginsAt({server}: EtcdUsers): Promise<number> {
  const text = await (await fetch(`${server.endpoint}/metrics`)).text()
  return Number(/^grpc_server_handled_total\{grpc_code="OK",grpc_method="Authenticate",.*\} (\d+)$/m.exec(text)?.[1])
}

describe('users of an etcd by name and password', function () {
  this.timeout(60_000)
  let users: EtcdUsers
  const etcd = () => ({endpoints: [users.server.endpoint], tls: null, user: users.user})

  before(async () => {
    users = await startUsers(TOKEN)
    await putExport(users.root, ['10.2.0.5'])
  })
  after(() => users?.stop())

  describe('a watch', () => {
    let followed: Followed
    const follow = async (
      more: {readonly onBatch?: (batch: SourceBatch) => void; readonly clock?: WatchClock} = {},
    ): Promise<void> => {
      followed = followExport([users.server.endpoint], null, {clock: FAST, user: users.user, ...more})
      await followed.until((state) => state.connected && followed.has('10.2.0.5'), 'the first list')
    }
    /** Nothing of what was known was told again, and nothing taken away. */
    const assertOnlyNew = (...addresses: string[]): void => {
      assert.deepEqual(followed.state().resyncs, {start: 1})
      const known = followed.batches[0]?.type === 'list' ? 1 : 0
      assert.equal(followed.batches.slice(known).filter(({type}) => type === 'list').length, 0)
      assert.deepEqual([followed.changed, followed.removed], [addresses.map((address) => `${address}/32`), []])
    }
    afterEach(() => followed?.stop())

    it('goes on when its token has ended, and tells of what comes then', async () => {
      await follow({clock: watchClock})
      followed.forget()
      const away = watchAway(followed)
      const before = followed.state().lastHeardMs!
      const logins = await loginsAt(users)
      await followed.until(({lastHeardMs}) => lastHeardMs! > before + TOKEN_MS, 'that it asks')
      assert.equal((await loginsAt(users)) - logins, 1, 'a new token, so the watch stands without one')
      await putEndpoint(users.root, '10.2.0.6')
      await followed.until(() => followed.has('10.2.0.6'), 'an event')
      assertOnlyNew('10.2.0.6')
      assert.deepEqual([away.isSeen(), followed.state().lastError], [false, null])
    })

    it('comes back after a restart of the etcd, which forgets all tokens', async () => {
      await follow()
      followed.forget()
      await users.server.kill()
      await followed.until(({connected}) => !connected, 'that it is away')
      await users.server.start()
      await followed.until(({connected}) => connected, 'that it is back')
      users.logIn()
      await putEndpoint(users.root, '10.2.0.7')
      await followed.until(() => followed.has('10.2.0.7'), 'an event')
      assertOnlyNew('10.2.0.7')
    })

    it('opened with a token that is gone is refused, and made anew with another', async () => {
      const connection = connect(etcd())
      const client = connection.client(0)
      const {header} = await client.kv.range({key: Buffer.from(EXPORT)})
      users.setPassword('first')
      const end = await runWatchStream({
        ...{client, clusterId: header.cluster_id, next: new Map([[EXPORT, 1]]), openTimeoutMs: 3000},
        ...{signal: new AbortController().signal, onEvents: () => true, onOpen: () => assert.fail('it stands')},
      })
      connection.close()
      assert.deepEqual([end.reason, 'cause' in end && /invalid auth token/.test(end.cause)], ['failed', true])

      // Between the list and the watch of a source nothing of ours can be: so it is done there by etcd's own tool.
      const states: (string | null)[] = []
      await follow({
        onBatch: ({type}) => {
          if (type === 'list') users.setPassword('first')
        },
      })
      followed.forget()
      await putEndpoint(users.root, '10.2.0.8')
      await followed.until((state) => {
        states.push(state.connected ? state.lastError : 'away')
        return followed.has('10.2.0.8')
      }, 'an event')
      assertOnlyNew('10.2.0.8')
      assert.deepEqual(new Set(states), new Set([null]))
    })

    it('goes on at once when etcd gets the password that the file has already', async () => {
      await follow()
      followed.forget()
      const away = watchAway(followed)
      users.writePassword('second')
      await followed.until(({lastError}) => lastError !== null, 'that it is told')
      assert.match(
        followed.state().lastError!,
        /^renewed files \(certificates, password\): .*authentication failed.*; the connection with the old ones goes on$/,
      )
      // The token is gone, and only the password is good that the file no longer has.
      users.setPassword('first')
      const before = followed.state().lastHeardMs!
      await followed.until(({lastHeardMs}) => lastHeardMs! > before + 4000, 'that it asks with a new token')
      users.setPassword('second')
      await followed.until(({lastError}) => lastError === null, 'that it is well again')
      await putEndpoint(users.root, '10.2.0.9')
      await followed.until(() => followed.has('10.2.0.9'), 'an event')
      assertOnlyNew('10.2.0.9')
      assert.equal(away.isSeen(), false)
    })

    it('keeps what it knows while the password is wrong, the file is gone or the user is, and says so', async () => {
      await follow()
      followed.forget()
      const said: string[] = []
      const say = async (what: RegExp): Promise<void> => {
        await followed.until(({connected, lastError}) => {
          if (lastError !== null) said.push(lastError)
          return !connected && lastError !== null && what.test(lastError)
        }, `that it says ${what}`)
        assert.deepEqual([followed.has('10.2.0.5'), followed.batches], [true, []])
        assert.deepEqual(
          said.filter((text) => /its cluster does not/.test(text)),
          [],
        )
      }
      users.setPassword('third')
      await say(/authentication failed, invalid user ID or password$/)
      rmSync(users.user.passwordFile)
      await say(/^user\.password\.file: ENOENT.*, open '\/dev\/shm\/isthmus-users-.*\/password'$/)
      users.writePassword('')
      await say(/^user\.password\.file: \/dev\/shm\/.* is empty$/)
      users.writePassword('third')
      await followed.until(({connected}) => connected, 'that it is back')
      await users.root.auth.userDelete({name: 'isthmus'})
      await say(/authentication failed, invalid user ID or password$/)
      await users.makeUser('third')
      await putEndpoint(users.root, '10.2.0.10')
      await followed.until(({connected}) => connected && followed.has('10.2.0.10'), 'an event')
      assertOnlyNew('10.2.0.10')
    })
  })

  describe('calls', () => {
    const put = [[`${EXPORT}attributes/x1`, '{}']] as const

    it('a lease is kept beyond the life of tokens, and its key taken then', async () => {
      const leases = openLeases(etcd())
      const lease = await leases.grant(2)
      const logins = await loginsAt(users)
      for (const end = performance.now() + TOKEN_MS; performance.now() < end; ) {
        await delay(500)
        assert.equal(await leases.keepAlive(lease), true)
      }
      const claimed = await leases.claim({key: '/isthmus/v1/leader', text: 'a1', lease, holds: []})
      assert.deepEqual([claimed.taken, (await loginsAt(users)) - logins], [true, 1])
      await leases.revoke(lease)
      leases.close()
    })

    it('the first one after the password was changed on both sides is done, and those under way', async () => {
      const store = openKeyValues(etcd())
      assert.equal(typeof (await store.write(put, [], [])), 'number')
      const before = store.list([EXPORT])
      users.setPassword('fourth')
      users.writePassword('fourth')
      const writes = Array.from({length: 8}, () => store.write(put, [], []))
      assert.equal((await before).records.length > 0, true)
      for (const revision of await Promise.all(writes)) assert.equal(typeof revision, 'number')
      store.close()
    })

    it('a wrong password is a refusal; a file that is not there is none of etcd’s', async () => {
      users.writePassword('wrong')
      const store = openKeyValues(etcd())
      await assert.rejects(store.list([EXPORT]), (error) => {
        return error instanceof EtcdRefused && /authentication failed/.test(error.message)
      })
      rmSync(users.user.passwordFile)
      await assert.rejects(store.list([EXPORT]), (error) => {
        return error instanceof EtcdUnreachable && /user\.password\.file: ENOENT/.test(error.message)
      })
      users.writePassword('fourth')
      assert.equal((await store.list([EXPORT])).records.length > 0, true)
      store.close()
    })

    it('none fails because somebody changes users meanwhile', async () => {
      const store = openKeyValues(etcd())
      let isOver = false
      let done = 0
      const writing = Array.from({length: 8}, async () => {
        while (!isOver) {
          assert.equal(typeof (await store.write(put, [], [])), 'number')
          done++
        }
      })
      const changing = (async () => {
        for (let i = 0; i < 20; i++) {
          await users.root.auth.roleAdd({name: `role-${i}`})
          await users.root.auth.roleDelete({role: `role-${i}`})
          await delay(20)
        }
      })().finally(() => {
        isOver = true
      })
      await Promise.all([...writing, changing])
      assert.ok(done > 20)
      store.close()
    })
  })
})

describe('users of an etcd with signed tokens', function () {
  this.timeout(60_000)

  it('a token from before users were changed is replaced, by a watch and by calls', async () => {
    const dir = mkdtempSync('/dev/shm/isthmus-jwt-')
    const {publicKey, privateKey} = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: {type: 'spki', format: 'pem'},
      privateKeyEncoding: {type: 'pkcs1', format: 'pem'},
    })
    writeFileSync(join(dir, 'public.pem'), publicKey)
    writeFileSync(join(dir, 'private.pem'), privateKey)
    const keys = `pub-key=${join(dir, 'public.pem')},priv-key=${join(dir, 'private.pem')}`
    const users = await startUsers(['--auth-token', `jwt,${keys},sign-method=RS256,ttl=10m`])
    const followed = followExport([users.server.endpoint], null, {clock: FAST, user: users.user})
    const store = openKeyValues({endpoints: [users.server.endpoint], tls: null, user: users.user})
    try {
      await putExport(users.root, ['10.2.0.5'])
      await followed.until((state) => state.connected && followed.has('10.2.0.5'), 'the first list')
      const put = [[`${EXPORT}attributes/x2`, '{}']] as const
      assert.equal(typeof (await store.write(put, [], [])), 'number')
      followed.forget()
      const away = watchAway(followed)
      const before = followed.state().lastHeardMs!
      await users.root.auth.roleAdd({name: 'another'})
      assert.equal(typeof (await store.write(put, [], [])), 'number')
      await followed.until(({lastHeardMs}) => lastHeardMs! > before + 3000, 'a question with the old token')
      assert.equal(away.isSeen(), false)
      assert.deepEqual([followed.state().resyncs, followed.removed], [{start: 1}, []])
    } finally {
      store.close()
      await followed.stop()
      await users.stop()
      rmSync(dir, {recursive: true})
    }
  })
})
