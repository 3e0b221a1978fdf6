import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {Registry} from 'prom-client'
import {createPolicyMetrics, MOST_POLICIES} from '../../src/gateway/policy-metrics.ts'
import {createPolicyTotals, type DecidedBy, type PolicyTotals} from '../../src/policy/index.ts'

const decided = (policy: string | null, part: Partial<DecidedBy> = {}): DecidedBy => ({
  ...{direction: 'ingress', kind: 'GlobalNetworkPolicy', tier: 'default', policy, rule: 0},
  ...{reason: 'rule', action: 'allow'},
  ...part,
})

function metrics() {
  const register = new Registry()
  const {observe} = createPolicyMetrics(register)
  const totals: PolicyTotals = createPolicyTotals()
  let failures = 0
  const count = (flows: number, by: DecidedBy, again = 0): void => {
    const element = {source: 1, destination: 2, protocol: 6, port: 80, bytes: 0}
    totals.add({...element, fresh: true, packets: flows}, {decided: [by], met: [], changes: []})
    if (again > 0) totals.add({...element, fresh: false, packets: again}, {decided: [by], met: [], changes: []})
  }
  const text = (): Promise<string> => {
    observe({totals, failures: () => failures})
    return register.metrics()
  }
  return {
    ...{totals, count, text},
    fail: () => failures++,
    lines: async () => (await text()).split('\n').filter((line) => line !== '' && !line.startsWith('#')),
  }
}

const UNKNOWN = {source: 1, destination: 2, protocol: 6, port: 80, fresh: true, packets: 4, bytes: 0}

describe('metrics of policies', () => {
  it('tell flows and packets by policy, direction and action, rules together', async () => {
    const {count, lines, totals, fail} = metrics()
    count(3, decided('web'), 2)
    count(1, decided('web', {rule: 7}))
    count(5, decided(null, {kind: null, rule: null, reason: 'tier', action: 'deny'}))
    count(6, decided(null, {tier: null, kind: null, rule: null, reason: 'default', action: 'deny'}))
    totals.add(UNKNOWN, null)
    totals.addBeyond(2)
    fail()
    const change = {tier: 'default', policy: 'next', direction: 'egress', would: 'deny'} as const
    totals.add({...UNKNOWN, packets: 8}, {met: [], decided: [], changes: [change]})
    totals.add({...UNKNOWN, fresh: false, packets: 90}, {met: [], decided: [], changes: [change]})
    const expected = [
      'isthmus_policy_flows_total{tier="default",policy="web",direction="ingress",action="allow"} 4',
      'isthmus_policy_packets_total{tier="default",policy="web",direction="ingress",action="allow"} 6',
      'isthmus_policy_packets_total{tier="default",policy="",direction="ingress",action="deny"} 5',
      'isthmus_policy_packets_total{tier="",policy="",direction="ingress",action="deny"} 6',
      'isthmus_policy_staged_change_total{policy="next",direction="egress",would="deny"} 8',
      'isthmus_policy_staged_change_packets_total{policy="next",direction="egress",would="deny"} 98',
      'isthmus_policy_uncounted_packets_total 6',
      'isthmus_policy_count_errors_total 1',
    ]
    const found = await lines()
    for (const line of expected) assert.ok(found.includes(line), `${line} is not in\n${found.join('\n')}`)
    assert.deepEqual(await lines(), found, 'a second look changes them')
  })

  it('the policies with most flows have series of their own and keep them, the rest is one', async () => {
    const {count, lines} = metrics()
    for (let index = 0; index < MOST_POLICIES + 10; index++) count(1000 - index, decided(`p${index}`))
    const flows = async (policy: string) =>
      (await lines()).find((line) => line.startsWith('isthmus_policy_flows') && line.includes(`policy="${policy}"`))
    const value = async (policy: string) => Number((await flows(policy))?.split(' ').at(-1))
    assert.equal((await lines()).filter((line) => line.startsWith('isthmus_policy_flows')).length, MOST_POLICIES + 1)
    assert.equal(await value(`p${MOST_POLICIES - 1}`), 1000 - MOST_POLICIES + 1)
    assert.equal(await flows(`p${MOST_POLICIES}`), undefined)
    const before = await value('other')
    assert.equal(
      before,
      Array.from({length: 10}, (_, more) => 1000 - MOST_POLICIES - more).reduce((a, b) => a + b),
    )
    count(10_000, decided(`p${MOST_POLICIES}`))
    assert.equal(await flows(`p${MOST_POLICIES}`), undefined, 'a counter must not go down')
    assert.equal(await value('other'), before + 10_000)
  })

  it('what came late has a place while there is one', async () => {
    const {count, lines} = metrics()
    count(1, decided('early'))
    await lines()
    count(1, decided('late'))
    assert.ok((await lines()).some((line) => line.includes('policy="late"')))
  })

  it('staged policies are bounded too', async () => {
    const {totals, lines} = metrics()
    for (let index = 0; index < MOST_POLICIES + 3; index++) {
      const change = {tier: 'default', policy: `s${index}`, direction: 'egress', would: 'deny'} as const
      totals.add({...UNKNOWN, packets: 1}, {met: [], decided: [], changes: [change]})
    }
    const found = (await lines()).filter((line) => line.startsWith('isthmus_policy_staged_change_total'))
    assert.equal(found.length, MOST_POLICIES + 1)
    assert.ok(found.includes('isthmus_policy_staged_change_total{policy="other",direction="egress",would="deny"} 3'))
  })

  it('promtool has nothing to say about them', async () => {
    const {count, text} = metrics()
    count(1, decided('web'))
    const {status, stdout, stderr} = spawnSync('promtool', ['check', 'metrics'], {input: await text()})
    assert.equal(status, 0, `${stdout}${stderr}`)
  })
})
