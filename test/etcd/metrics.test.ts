import assert from 'node:assert/strict'
import {Registry} from 'prom-client'
import {createSourceMetrics} from '../../src/etcd/metrics.ts'

describe('metrics of datastores', () => {
  it('have every reason to read anew before its first time, and totals at each scrape', async () => {
    const register = new Registry()
    const {observe} = createSourceMetrics(register)
    const state = {
      ...{connected: true, synced: true, revision: 7, clusterId: null, endpoint: null, lastHeardMs: null},
      ...{lastError: null, resyncs: {start: 1, compacted: 2}, events: 5, excess: null},
    }
    const resyncs = async () => {
      observe('export/b', state, {nowMs: 0, keys: 1, decodeErrors: 0})
      const lines = (await register.metrics()).split('\n')
      return lines.flatMap((line) => /resyncs_total\{.*reason="(\w+)"\} (\d+)/.exec(line)?.slice(1).join(' ') ?? [])
    }
    const expected = ['start 1', 'compacted 2', 'cluster 0', 'revision 0', 'limits 0', 'asked 0']
    assert.deepEqual(await resyncs(), expected)
    assert.deepEqual(await resyncs(), expected)
  })
})
