import assert from 'node:assert/strict'
import {clusteredExport} from '../support/clustered-export.ts'
import {watchClock} from '../support/watch-clock.ts'

/** Of each fault one, by a clock that runs; `cluster.long.ts` has the rest and takes its time. */
describe('a remote site whose etcd has three members', function () {
  this.timeout(60_000)
  const {cluster, following, onlyNews, clientOf, other, missesItsMajority} = clusteredExport()

  it('leader killed: it goes on at another member, and only news is told', async () => {
    const leader = cluster().leader()
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

  it('a member that answers but has no majority is left, since it has no news; its knowledge ages meanwhile', () =>
    missesItsMajority({...watchClock, nowMs: () => 5 * performance.now()}))
})
