import assert from 'node:assert/strict'
import {setTimeout as delay} from 'node:timers/promises'
import type {PublishReport} from '../../src/gateway/publish.ts'
import {startPublishing} from '../../src/gateway/publishing.ts'
import {type DatastoreName, type GatewayName, JournalMap} from '../../src/model/index.ts'
import {type EtcdUsers, startUsers} from '../support/etcd-users.ts'
import {eventually} from '../support/namespace.ts'
import {EXPORT, site} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const WITHIN_MS = 15_000

describe('publishing as a user by name and password', function () {
  this.timeout(60_000)
  let users: EtcdUsers

  before(async () => {
    users = await startUsers(['--auth-token-ttl', '1'])
  })
  after(() => users?.stop())

  it('leads and writes, over the end of tokens and a change of the password', async () => {
    const stop = new AbortController()
    const members = new JournalMap()
    const reports: PublishReport[] = []
    const leads: boolean[] = []
    const record = `${EXPORT}endpoints/main/10.1.0.1/x`
    const publishing = startPublishing({
      site: site('a'),
      gateway: 'a1' as GatewayName,
      naming: {datastores: ['main'], gateways: ['a1']},
      datastore: {name: 'main' as DatastoreName, endpoints: [users.server.endpoint], tls: null, user: users.user},
      removeAfterMs: {datastores: 60_000, gateways: 60_000},
      wanted: () => new Map([[`${EXPORT}meta`, 'm']]),
      kept: [members],
      clock: watchClock,
      signal: stop.signal,
      backoffMs: {first: 50, last: 200},
      idleMs: 200,
      ttlSeconds: 2,
      onReport: (report) => reports.push(report),
      onLeadership: (state) => leads.push(state.leads),
    })
    const held = async (): Promise<string | undefined> => {
      const {kvs} = await users.root.kv.range({key: Buffer.from(record)})
      return kvs[0]?.value.toString('utf8')
    }
    const publish = async (text: string): Promise<void> => {
      members.set(record, text)
      publishing.trigger()
      await eventually(async () => (await held()) === text, WITHIN_MS)
    }
    try {
      await publish('first')
      // Nothing is asked with a token meanwhile but by the watch; the lease is kept all the same.
      await delay(2500)
      await publish('second')
      users.writePassword('changed')
      users.setPassword('changed')
      await publish('third')
      const failures = reports.flatMap((report) => report.failures)
      const first = leads.indexOf(true)
      assert.deepEqual([failures, first >= 0, leads.slice(first).includes(false)], [[], true, false])
    } finally {
      stop.abort()
      await publishing.done
    }
  })
})
