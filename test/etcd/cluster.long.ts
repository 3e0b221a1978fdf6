import assert from 'node:assert/strict'
import {clusteredExport} from '../support/clustered-export.ts'
import {watchClock} from '../support/watch-clock.ts'

describe('a remote site whose etcd has three members, at full length', function () {
  this.timeout(60_000)
  const {cluster, following, onlyNews, clientOf, other, missesItsMajority} = clusteredExport()

  it('a member is removed and a new one added: only news is told', async () => {
    const leaving = other(cluster().leader())
    const followed = await following(leaving)
    const fresh = await cluster().replace(leaving)
    await followed.until((state) => state.connected && state.endpoint !== leaving.endpoint, 'another member')
    await onlyNews(followed, clientOf(fresh))
    assert.deepEqual(followed.state().resyncs, {start: 1})
  })

  it('leader frozen: it goes on at another member, and only news is told', async () => {
    const leader = cluster().leader()
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

  it('a member that answers but has no majority is left, since it has no news; its knowledge ages meanwhile', () =>
    missesItsMajority(watchClock))
})
