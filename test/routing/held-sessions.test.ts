import assert from 'node:assert/strict'
import {type GatewayConfig, type GatewayName, GRACEFUL_SHUTDOWN} from '../../src/model/index.ts'
import {type FilterRule, planRouting} from '../../src/routing/index.ts'
import {configOf, planAll, type Sketch, worldOf} from '../support/interconnect.ts'

/** One tunnel from a to b, two to c. */
const THREE: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
    {name: 'c', number: 3, uplinks: ['wan', 'lte']},
  ],
}

function routingOf(isHeld: (name: string) => boolean, overrides: Partial<GatewayConfig> = {}) {
  const configs = new Map(
    THREE.sites.map(({name}) => [name, configOf(THREE, name, name === 'a' ? overrides : {})] as const),
  )
  const {config, sites, plan} = planAll(THREE, configs).get('a')!
  const held = new Set(plan.tunnels.map(({session}) => session).filter(isHeld))
  const input = {config, world: worldOf(sites), tunnels: plan.tunnels, passwords: new Map(), draining: false, held}
  return planRouting(input)
}

describe('sessions that are held down', () => {
  const usual = routingOf(() => false).bird.sessions
  const toB = usual.find(({name}) => name.startsWith('tun_b_'))!.name
  const toC = usual.find(({name}) => name.startsWith('tun_c_'))!.name
  /** Of the sessions that are another than usually. */
  const changed = (overrides: Partial<GatewayConfig>) => {
    const before = routingOf(() => false, overrides).bird.sessions
    const {bird, findings} = routingOf((name) => name === toB || name === toC, overrides)
    const sessions = bird.sessions.filter((now, index) => JSON.stringify(now) !== JSON.stringify(before[index]))
    return {sessions, findings}
  }
  const changes = (rules: readonly FilterRule[]) => rules.flatMap(({set = []}) => set)

  it('are liked least, at both ends, and no other; the only way stays as it is', () => {
    const {sessions, findings} = changed({})
    assert.deepEqual(
      sessions.map(({name}) => name),
      [toC],
    )
    const [{import: taken, export: told}] = sessions as [(typeof sessions)[number]]
    assert.ok(changes(taken).some((change) => change.attribute === 'local-pref' && change.value === 0))
    assert.ok(
      changes(told).some((change) => change.attribute === 'add-community' && change.value === GRACEFUL_SHUTDOWN),
    )
    assert.deepEqual(
      findings.map(({code, where, detail}) => [code, where.key, /only way|no other way/.exec(detail)?.[0]]),
      [
        ['tunnel-held-down', toB, 'only way'],
        ['tunnel-held-down', toC, 'no other way'],
      ],
    )
  })

  it('with a twin no way is the only one', () => {
    assert.deepEqual(
      changed({twin: 'a2' as GatewayName}).sessions.map(({name}) => name),
      [toB, toC],
    )
  })

  it('are as ever where the configuration says so', () => {
    const sites = new Map([...configOf(THREE, 'a').sites].map(([name, site]) => [name, {...site, holdDown: false}]))
    assert.deepEqual(changed({sites}), {sessions: [], findings: []})
  })
})
