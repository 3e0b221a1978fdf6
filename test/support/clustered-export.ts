import assert from 'node:assert/strict'
import type {Etcd3} from 'etcd3'
import type {WatchClock} from '../../src/etcd/index.ts'
import {type EtcdCluster, type EtcdMember, startCluster} from './etcd-cluster.ts'
import {plainClient} from './etcd-server.ts'
import {deleteEndpoint, followExport, putEndpoint, putExport} from './followed-export.ts'
import {watchClock} from './watch-clock.ts'

const ADDRESSES = ['10.2.0.5', '10.2.0.6', '10.2.0.7']

type Followed = ReturnType<typeof followExport>

/** A remote site whose etcd has three members, for the tests of one `describe`: it lives as long as these. */
export function clusteredExport() {
  let cluster: EtcdCluster
  let source: Followed | null = null
  const clients: Etcd3[] = []
  let next = 10
  const clientOf = (member: EtcdMember): Etcd3 => {
    const client = plainClient(member.endpoint)
    clients.push(client)
    return client
  }
  const follow = async (members: readonly EtcdMember[], clock: WatchClock): Promise<Followed> => {
    const followed = followExport(
      members.map(({endpoint}) => endpoint),
      null,
      {clock},
    )
    source = followed
    await followed.until((state) => state.connected && followed.has(ADDRESSES[0]!), 'the first list')
    followed.forget()
    return followed
  }
  /** One change at the source arrives, and is all that ever changed. */
  const onlyNews = async (followed: Followed, writer: Etcd3): Promise<void> => {
    const address = `10.2.0.${next++}`
    await putEndpoint(writer, address)
    await followed.until(() => followed.has(address), `the news of ${address}`)
    assert.deepEqual([followed.changed, followed.removed], [[`${address}/32`], []])
    await deleteEndpoint(writer, address)
    await followed.until(() => !followed.has(address), `that ${address} went`)
    assert.deepEqual(followed.removed, [`${address}/32`])
  }

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

  return {
    cluster: () => cluster,
    /** A client of a member that is neither dead nor frozen. */
    clientOf,
    other: (...not: EtcdMember[]): EtcdMember => cluster.members.find((member) => !not.includes(member))!,
    /** Followed from this member first, all read, and nothing told of yet. */
    following: (first: EtcdMember): Promise<Followed> =>
      follow([first, ...cluster.members.filter((member) => member !== first)], watchClock),
    onlyNews,
    /** A member that answers, and has no majority behind it for longer than an election takes. */
    async missesItsMajority(clock: WatchClock): Promise<void> {
      const [first, second, third] = cluster.members as [EtcdMember, EtcdMember, EtcdMember]
      // Only this one is known, so that there is nobody to go on to.
      const followed = await follow([first], clock)
      for (const member of [second, third]) member.freeze()
      try {
        await followed.until(({connected}) => !connected, 'that the majority is missed', 20_000)
        const heardMs = followed.state().lastHeardMs!
        assert.ok(clock.nowMs() - heardMs > 8000, 'no answer of a minority counts as heard')
      } finally {
        for (const member of [second, third]) member.thaw()
      }
      await followed.until(({connected}) => connected, 'that it is back')
      await onlyNews(followed, clientOf(first))
      assert.deepEqual(followed.state().resyncs, {start: 1})
    },
  }
}
