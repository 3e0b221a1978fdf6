import assert from 'node:assert/strict'
import type {Etcd3} from 'etcd3'
import {type EtcdCluster, type EtcdMember, startCluster} from '../support/etcd-cluster.ts'
import {plainClient} from '../support/etcd-server.ts'
import {deleteEndpoint, followExport, putEndpoint, putExport} from '../support/followed-export.ts'

const ADDRESSES = ['10.2.0.5', '10.2.0.6', '10.2.0.7']

describe('a remote site whose etcd has three members', function () {
  this.timeout(60_000)
  let cluster: EtcdCluster
  let source: ReturnType<typeof followExport> | null = null
  const clients: Etcd3[] = []
  let next = 10
  /** A client of a member that is neither dead nor frozen. */
  const clientOf = (member: EtcdMember): Etcd3 => {
    const client = plainClient(member.endpoint)
    clients.push(client)
    return client
  }
  const other = (...not: EtcdMember[]): EtcdMember => cluster.members.find((member) => !not.includes(member))!

  before(async () => {
    cluster = await startCluster()
    await putExport(clientOf(cluster.members[0]!), ADDRESSES)
  })
  after(async () => {
    for (const client of clients) client.close()
    await cluster?.stop()
  })
  afterEach(async () => {
    await source?.stop()
    source = null
  })

  /** Followed from this member first, all read, and nothing told of yet. */
  async function following(first: EtcdMember) {
    const rest = cluster.members.filter((member) => member !== first)
    const followed = followExport([first, ...rest].map(({endpoint}) => endpoint))
    source = followed
    await followed.until((state) => state.connected && followed.has(ADDRESSES[0]!), 'the first list')
    followed.forget()
    return followed
  }
  /** One change at the source arrives, and is all that ever changed. */
  async function onlyNews(followed: ReturnType<typeof followExport>, writer: Etcd3): Promise<void> {
    const address = `10.2.0.${next++}`
    await putEndpoint(writer, address)
    await followed.until(() => followed.has(address), `the news of ${address}`)
    assert.deepEqual([followed.changed, followed.removed], [[`${address}/32`], []])
    await deleteEndpoint(writer, address)
    await followed.until(() => !followed.has(address), `that ${address} went`)
    assert.deepEqual(followed.removed, [`${address}/32`])
  }

  it('a member is removed and a new one added: only news is told', async () => {
    const leaving = other(cluster.leader())
    const followed = await following(leaving)
    const fresh = await cluster.replace(leaving)
    await followed.until((state) => state.connected && state.endpoint !== leaving.endpoint, 'another member')
    await onlyNews(followed, clientOf(fresh))
    assert.deepEqual(followed.state().resyncs, {start: 1})
  })

  it('leader killed: it goes on at another member, and only news is told', async () => {
    const leader = cluster.leader()
    const followed = await following(leader)
    await leader.kill()
    try {
      await followed.until(({connected}) => !connected, 'that it is noticed')
      const survivor = other(leader)
      await followed.until((state) => state.connected && state.endpoint !== leader.endpoint, 'another member')
      await onlyNews(followed, clientOf(survivor))
      assert.deepEqual(followed.state().resyncs, {start: 1}, 'by events, not by a new list')
    } finally {
      await leader.start()
    }
  })

  it('leader frozen: it goes on at another member, and only news is told', async () => {
    const leader = cluster.leader()
    const followed = await following(leader)
    leader.freeze()
    try {
      await followed.until((state) => state.connected && state.endpoint !== leader.endpoint, 'another member')
      await onlyNews(followed, clientOf(other(leader)))
      assert.deepEqual(followed.state().resyncs, {start: 1})
    } finally {
      leader.thaw()
    }
  })

  it('a member that answers but has no majority is left, since it has no news; its knowledge ages meanwhile', async () => {
    const [first, second, third] = cluster.members as [EtcdMember, EtcdMember, EtcdMember]
    // Only this one is known, so that there is nobody to go on to.
    const followed = followExport([first.endpoint])
    source = followed
    await followed.until((state) => state.connected && followed.has(ADDRESSES[0]!), 'the first list')
    followed.forget()
    for (const member of [second, third]) member.freeze()
    try {
      await followed.until(({connected}) => !connected, 'that the majority is missed', 20_000)
      const heardMs = followed.state().lastHeardMs!
      assert.ok(performance.now() - heardMs > 8000, 'no answer of a minority counts as heard')
    } finally {
      for (const member of [second, third]) member.thaw()
    }
    await followed.until(({connected}) => connected, 'that it is back')
    await onlyNews(followed, clientOf(first))
    assert.deepEqual(followed.state().resyncs, {start: 1})
  })
})
