import assert from 'node:assert/strict'
import {setTimeout as delay} from 'node:timers/promises'
import {Registry} from 'prom-client'
import {createProcessMetrics} from '../../src/gateway/process-metrics.ts'

describe('metrics of the process', () => {
  it('tell how long something held the event loop, and what time it is', async () => {
    const register = new Registry()
    const stopping = new AbortController()
    createProcessMetrics(register).watchLoop(stopping.signal)
    const value = async (series: string): Promise<number> => {
      const line = (await register.metrics()).split('\n').find((one) => one.startsWith(`${series} `))
      return Number(line?.split(' ').at(-1))
    }
    await delay(20)
    const until = performance.now() + 400
    while (performance.now() < until);
    await delay(20)
    stopping.abort()
    assert.ok((await value('isthmus_event_loop_lag_seconds_sum')) >= 0.25)
    assert.equal(await value('isthmus_event_loop_lag_seconds_bucket{le="0.25"}'), 0)
    assert.ok(Math.abs((await value('isthmus_time_seconds')) - Date.now() / 1000) < 5)
    const cpu = await value('process_cpu_seconds_total')
    assert.ok(cpu > 0.2 && (await value('process_cpu_seconds_total')) < cpu * 2, 'a total, not a sum of scrapes')
    assert.ok((await value('process_resident_memory_bytes')) > 1e7)
    assert.ok((await value('process_start_time_seconds')) < Date.now() / 1000)
  })
})
