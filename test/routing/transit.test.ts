import assert from 'node:assert/strict'
import type {GatewayConfig, RemoteSite, SiteName} from '../../src/model/index.ts'
import type {Prefix} from '../../src/net/index.ts'
import {type BgpSession, planRouting} from '../../src/routing/index.ts'
import {configOf, planAll, type Sketch, worldOf} from '../support/interconnect.ts'
import {type FilteredRoute, runFilter} from '../support/run-filter.ts'

/** Hub h, with b and c that it is a hub for, and d that it is not. */
const SKETCH: Sketch = {
  sites: ['h', 'b', 'c', 'd'].map((name, index) => ({name, number: index + 1})),
  pairs: {'b h': 'wireguard', 'c h': 'wireguard', 'd h': 'wireguard'},
}
const [H, B, C] = [4200000001, 4200000002, 4200000003]

/** As it is, but that all others are behind h for everybody but h. */
function configFor(name: string, overrides: Partial<RemoteSite> = {}): GatewayConfig {
  const config = configOf(SKETCH, name, name === 'h' ? {transit: ['b', 'c'] as SiteName[]} : {})
  if (name === 'h') return config
  const behind = (site: RemoteSite): RemoteSite =>
    site.name === 'h' ? site : {...site, via: ['h' as SiteName], ...overrides}
  return {...config, sites: new Map([...config.sites].map(([key, site]) => [key, behind(site)]))}
}

function sessionsOf(
  name: string,
  overrides: Partial<RemoteSite> = {},
  withdrawn: string | null = null,
): Map<string, BgpSession> {
  const configs = new Map(SKETCH.sites.map((site) => [site.name, configFor(site.name, overrides)] as const))
  const {config, sites, plan} = planAll(SKETCH, configs).get(name)!
  const views = new Map(
    [...sites].map(([key, view]) => [key, key === withdrawn ? {...view, presence: 'withdrawn' as const} : view]),
  )
  const {bird} = planRouting({
    ...{config, tunnels: plan.tunnels, passwords: new Map(), draining: false},
    world: worldOf(views),
  })
  const session = (tunnel: {session: string}) => bird.sessions.find((one) => one.name === tunnel.session)!
  return new Map(plan.tunnels.map((tunnel) => [tunnel.site, session(tunnel)]))
}

const route = (net: string, path: number[], more: Partial<FilteredRoute> = {}): FilteredRoute => ({
  ...{net: net as Prefix, path, communities: [], localPref: 100, med: null, origin: 'igp', protocol: 'tun_x'},
  ...more,
})
const ENCRYPTED = `large:${H}:1:1`
const FOR_OTHERS = `large:${H}:1:0`

describe('what passes a hub', () => {
  const hub = sessionsOf('h')

  it('is told between those that it names, with the path, and no note of its own', () => {
    const taken = runFilter(hub.get('b')!.import, route('10.2.7.0/26', [B]))
    assert.deepEqual(taken?.communities, [FOR_OTHERS, ENCRYPTED])
    const told = runFilter(hub.get('c')!.export, taken)
    assert.deepEqual([told?.path, told?.communities], [[B], [ENCRYPTED]])
  })

  const never: [what: string, route: FilteredRoute, to: string][] = [
    ['a route of one that it is no hub for', runFilter(hub.get('d')!.import, route('10.4.0.0/24', [4200000004]))!, 'b'],
    ['anything to one that it is no hub for', runFilter(hub.get('b')!.import, route('10.2.7.0/26', [B]))!, 'd'],
    ['what the tunnel leads to', runFilter(hub.get('b')!.import, route('10.2.7.0/26', [B]))!, 'b'],
    [
      'a route of the WAN that bears its note',
      route('10.99.0.0/16', [64900], {communities: [FOR_OTHERS], protocol: 'wan_r1_x'}),
      'b',
    ],
    ['a path that is too long by one', route('10.2.7.0/26', [1, 2, B], {communities: [FOR_OTHERS]}), 'c'],
  ]
  for (const [what, one, to] of never) {
    it(`is not told: ${what}`, () => assert.equal(runFilter(hub.get(to)!.export, one), null))
  }

  it('is forged by nobody: notes that come along are taken off', () => {
    const taken = runFilter(
      hub.get('d')!.import,
      route('10.4.0.0/24', [4200000004], {communities: [FOR_OTHERS, ENCRYPTED]}),
    )
    assert.deepEqual(taken?.communities, [])
  })

  const taken: [what: string, route: FilteredRoute, overrides: Partial<RemoteSite>, isTaken: boolean][] = [
    ['c’s prefix from c by the hub', route('10.3.7.0/26', [H, C]), {}, true],
    ['c’s prefix by two hubs', route('10.3.7.0/26', [H, 64999, C]), {}, true],
    ['c’s prefix by three', route('10.3.7.0/26', [H, 64999, 64998, C]), {}, false],
    ['c’s prefix as the hub’s own', route('10.3.7.0/26', [H]), {}, false],
    ['c’s prefix from another', route('10.3.7.0/26', [H, 4200000004]), {}, false],
    ['c’s prefix by another neighbour', route('10.3.7.0/26', [64999, C]), {}, false],
    ['nobody’s prefix', route('10.9.0.0/16', [H, C]), {}, false],
    [
      'encryption asked for and told',
      route('10.3.7.0/26', [H, C], {communities: [ENCRYPTED]}),
      {encrypted: true},
      true,
    ],
    ['asked for and not told', route('10.3.7.0/26', [H, C]), {encrypted: true}, false],
    [
      'asked for and told by another',
      route('10.3.7.0/26', [H, C], {communities: ['large:64999:1:1']}),
      {encrypted: true},
      false,
    ],
  ]
  for (const [what, one, overrides, isTaken] of taken) {
    it(`b ${isTaken ? 'takes' : 'refuses'}: ${what}`, () => {
      assert.equal(runFilter(sessionsOf('b', overrides).get('h')!.import, one) !== null, isTaken)
    })
  }

  it('brings nothing of a site that is withdrawn, and all of the others', () => {
    const filter = sessionsOf('b', {}, 'c').get('h')!.import
    assert.equal(runFilter(filter, route('10.3.7.0/26', [H, C])), null)
    assert.ok(runFilter(filter, route('10.4.7.0/26', [H, 4200000004])))
  })

  it('a hub withdraws at once what it has lost; one for whom it is the only way waits', () => {
    assert.equal(hub.get('b')?.bfd?.mode, 'on')
    assert.equal(hub.get('d')?.bfd, null)
    assert.equal(sessionsOf('b').get('h')?.bfd, null)
  })
})
