import assert from 'node:assert/strict'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {alertsOf, createPrometheusAlerts} from '../../src/gateway/prometheus-alerts.ts'

const alert = (name: string, severity: string, state = 'firing') => ({
  labels: {alertname: name, severity, site: 'a'},
  ...{annotations: {summary: `${name} fires`}, state, activeAt: '2026-01-02T03:04:05Z', value: '1'},
})

describe('alerts by Prometheus', () => {
  it('come with the worst first, and what is none is left out', () => {
    const alerts = [
      alert('B', 'warning'),
      alert('P', 'critical', 'pending'),
      alert('A', 'critical'),
      null,
      {state: 'x'},
    ]
    const found = alertsOf({data: {alerts}})
    assert.deepEqual(
      found.map(({name}) => name),
      ['A', 'B', 'P'],
    )
    assert.deepEqual(found[0], {
      ...{name: 'A', severity: 'critical', state: 'firing', summary: 'A fires'},
      ...{labels: {site: 'a'}, since: '2026-01-02T03:04:05Z'},
    })
    for (const body of [null, 1, {}, {data: {alerts: {}}}]) assert.deepEqual(alertsOf(body), [])
  })

  it('are asked for once for many who ask, and again when they are old', async () => {
    let [asked, now] = [0, 0]
    const server = createServer((request, response) => {
      assert.equal(request.url, '/api/v1/alerts')
      asked++
      response.end(JSON.stringify({data: {alerts: [alert('A', 'critical')]}}))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
      const alerts = createPrometheusAlerts({url: () => url, nowMs: () => now})
      const answers = await Promise.all(Array.from({length: 20}, () => alerts()))
      assert.deepEqual([asked, answers[19]?.prometheus, answers[19]?.firing.length], [1, 'answered', 1])
      now = 60_000
      await alerts()
      assert.equal(asked, 2)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('are said to be missing where Prometheus does not answer, or none is configured', async () => {
    const refused = createPrometheusAlerts({url: () => 'http://127.0.0.1:1', nowMs: () => 0})
    const answer = await refused()
    assert.equal(answer.prometheus, 'failed')
    assert.match(answer.problem ?? '', /ECONNREFUSED|bad port/)
    assert.equal((await createPrometheusAlerts({url: () => null, nowMs: () => 0})()).prometheus, 'none')
  })
})
