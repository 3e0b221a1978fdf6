import assert from 'node:assert/strict'
import type {Encapsulation, Tunnel} from '../../src/model/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {planAll, type Sketch, worldOf} from '../support/interconnect.ts'

const TWO: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
}

describe('sessions over tunnels', () => {
  it('a tunnel and its follower are one path, and routes go by one of them', () => {
    const {config, sites, plan} = planAll(TWO).get('a')!
    const [older] = plan.tunnels.filter(({site}) => site === 'b')
    const newer: Tunnel = {...older!, slot: 1, session: 'tun_b_newer', peer: '100.64.2.1'}
    const standing = (standby: Tunnel, other: Tunnel) =>
      planRouting({
        ...{config, world: worldOf(sites), passwords: new Map(), draining: false},
        tunnels: [{...standby, standby: true}, other],
      }).bird.sessions.map(({name, bfd, import: rules}) => {
        const set = rules.flatMap((rule) => (rule.verdict === 'accept' ? (rule.set ?? []) : []))
        return [name, bfd?.mode ?? 'none', set.find(({attribute}) => attribute === 'local-pref')?.value]
      })
    assert.deepEqual(standing(newer, older!), [
      ['tun_b_newer', 'none', 99],
      [older!.session, 'none', 100],
    ])
    assert.deepEqual(standing(older!, newer), [
      [older!.session, 'none', 99],
      ['tun_b_newer', 'none', 100],
    ])
  })

  it('IPIP as it is or in UDP: BIRD’s file has not one byte of it', () => {
    const {config, sites, plan} = planAll(TWO).get('a')!
    const textOf = (encapsulation: Encapsulation): string => {
      const tunnels = plan.tunnels.map((tunnel) => ({...tunnel, encapsulation}))
      const {bird} = planRouting({config, world: worldOf(sites), passwords: new Map(), draining: false, tunnels})
      return renderBird(bird)
    }
    assert.match(textOf('ipip'), /protocol bgp tun_b_/)
    assert.equal(textOf('ipip'), textOf('fou'))
  })
})
