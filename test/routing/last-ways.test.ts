import assert from 'node:assert/strict'
import type {GatewayConfig, GatewayName, SiteName} from '../../src/model/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {configOf, nodeOf, planAll, type Sketch, worldOf} from '../support/interconnect.ts'

/** a has one tunnel to b, two to c, and nothing but the WAN to d. */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
    {name: 'c', number: 3, uplinks: ['wan', 'lte']},
    {name: 'd', number: 4},
  ],
  pairs: {'a b': 'vxlan', 'a c': 'vxlan', 'a d': 'none'},
}

const CONFIGS = new Map(SKETCH.sites.map(({name}) => [name, configOf(SKETCH, name)]))

/** What lies beneath all sessions at a: prefixes, and how many tunnels each goes by. */
function lastWays(overrides: Partial<GatewayConfig> = {}, change: Partial<Parameters<typeof planRouting>[0]> = {}) {
  const configs = new Map([...CONFIGS, ['a', configOf(SKETCH, 'a', overrides)]])
  const {config, sites, plan} = planAll(SKETCH, configs).get('a')!
  const input = {config, world: worldOf(sites), tunnels: plan.tunnels, passwords: new Map(), draining: false}
  return planRouting({...input, ...change})
    .bird.statics.filter(({name}) => name.startsWith('lastways'))
    .flatMap(({preference, routes}) =>
      routes.map(({prefix, to}) => [prefix, preference, to instanceof Object && 'over' in to && to.over.length]),
    )
}

describe('planLastWays', () => {
  it('a site with several ways has its tunnels beneath what sessions tell, one with a single way needs none', () => {
    assert.deepEqual(lastWays(), [['10.3.0.0/16', 2, 2]])
  })

  it('what is longer than they are, and does not resolve yet, does not stand in their way in the kernel', () => {
    const {config, sites, plan} = planAll(SKETCH).get('a')!
    const input = {config, world: worldOf(sites), tunnels: plan.tunnels, passwords: new Map(), draining: false}
    assert.match(
      renderBird(planRouting(input).bird),
      /\n {2}if source = RTS_BGP && dest = RTD_UNREACHABLE && net\.type = NET_IP4 && net ~ \[ 10\.3\.0\.0\/16\{17,32\} \] then reject;\n {2}accept;\n/,
    )
  })

  it('a twin is another way', () => {
    assert.deepEqual(lastWays({twin: 'a2' as GatewayName}), [
      ['10.2.0.0/16', 2, 1],
      ['10.3.0.0/16', 2, 2],
    ])
  })

  it('nodes are told of them below all else: by preference, and by a long path where that does not cross', () => {
    const nodes = {session: 'ibgp', localAs: 64512, nextHop: null} as const
    const config = configOf(SKETCH, 'a', {nodes, twin: 'a2' as GatewayName})
    const {sites, plan} = planAll(SKETCH, new Map([...CONFIGS, ['a', config]])).get('a')!
    const world = worldOf(sites, [nodeOf('n1', '192.168.1.1'), nodeOf('n2', '192.168.1.2', 64513)])
    const {bird} = planRouting({config, world, tunnels: plan.tunnels, passwords: new Map(), draining: false})
    const changes = bird.sessions
      .filter(({kind}) => kind === 'node')
      .map(
        ({export: rules}) =>
          rules.find(({when}) => when.some((one) => one.is === 'from' && /^last/.test(one.protocol)))!,
      )
      .map(({set = []}) => set.filter(({value}) => value !== null).map(({attribute, value}) => `${attribute} ${value}`))
    assert.deepEqual(changes, [['local-pref 2'], ['local-pref 2', 'prepend 64512', 'prepend 64512', 'prepend 64512']])
  })

  it('none leads to a site that is taken out, that has our own AS, or that the WAN carries too', () => {
    const {sites} = planAll(SKETCH).get('a')!
    const c = 'c' as SiteName
    const out = new Map([...sites, [c, {...sites.get(c)!, presence: 'withdrawn'}]] as const)
    assert.deepEqual(lastWays({}, {world: worldOf(out)}), [])
    const ours = new Map([...sites, [c, {...sites.get(c)!, as: sites.get('a' as SiteName)!.as}]] as const)
    assert.deepEqual(lastWays({}, {world: worldOf(ours)}), [])
    assert.deepEqual(lastWays({}, {native: new Map([[c, {isFirst: false, isLeft: false}]])}), [])
  })

  it('none leads in clear to a site that must be encrypted', () => {
    const c = 'c' as SiteName
    const {config, plan} = planAll(SKETCH).get('a')!
    const remote = new Map([...config.sites, [c, {...config.sites.get(c)!, encrypted: true}]] as const)
    assert.deepEqual(lastWays({sites: remote}, {tunnels: plan.tunnels}), [])
    const tunnels = plan.tunnels.map((tunnel) => ({...tunnel, encapsulation: 'wireguard' as const}))
    assert.deepEqual(lastWays({sites: remote}, {tunnels}), [['10.3.0.0/16', 2, 2]])
  })
})
