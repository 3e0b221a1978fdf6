import assert from 'node:assert/strict'
import type {NativeWays, SiteName, Tunnel} from '../../src/model/index.ts'
import type {Prefix} from '../../src/net/index.ts'
import {planRuleset} from '../../src/plan/ruleset.ts'
import {type Condition, type FilterRule, planRouting} from '../../src/routing/index.ts'
import {planAll, type Sketch, worldOf} from '../support/interconnect.ts'
import {plain as plainPolicy, wanPeer} from '../support/wan-peer.ts'

const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'vxlan'},
}
const B = '10.2.0.0/16' as Prefix
const POLICY = {sets: new Map(), chains: new Map(), counters: []}

const isOf = (prefix: Prefix) => (condition: Condition) =>
  condition.is === 'net' && condition.patterns.some((pattern) => pattern.prefix === prefix)
const verdictOn = (rules: readonly FilterRule[], prefix: Prefix) =>
  rules.find(({when}) => when.some(isOf(prefix)))?.verdict ?? null

/** What a has of b, beside a tunnel of that state, where the WAN carries b's prefixes so. */
function look(native: NativeWays, state: Pick<Tunnel, 'standby' | 'followed'>) {
  const {config: plain, sites, plan} = planAll(SKETCH).get('a')!
  const config = {...plain, peers: [wanPeer({import: plainPolicy('192.0.2.0/24')})]}
  const tunnels = plan.tunnels.map((tunnel) => ({...tunnel, ...state}))
  const {bird} = planRouting({config, world: worldOf(sites), passwords: new Map(), draining: false, tunnels, native})
  const [tunnel, wan] = (['tunnel', 'wan'] as const).map((kind) => bird.sessions.find((one) => one.kind === kind)!)
  const {chains} = planRuleset({
    ...{config, world: {sites}, tunnels, links: plan.links, wireguard: [], native},
    ...{uplinkDevices: ['wan0'], devices: new Map(), policy: POLICY},
  })
  const passes = (chain: string, words: string): boolean => chains.get(chain)!.rules.includes(`${words} ${B} return`)
  const taken = tunnel!.import.find(({verdict}) => verdict === 'accept')
  return {
    tunnel: taken ? (taken.set?.find(({attribute}) => attribute === 'preference')?.value ?? 100) : 'nothing',
    fromWan: verdictOn(wan!.import, B),
    toWan: verdictOn(wan!.export, '10.1.0.0/16' as Prefix),
    nft: [passes('in_other', 'iifname "wan0" ip saddr'), passes('out_other', 'oifname "wan0" ip daddr')],
  }
}

describe('a site on its way from a tunnel to none, or back', () => {
  const only = (isFirst: boolean, isLeft = false): NativeWays => new Map([['b' as SiteName, {isFirst, isLeft}]])
  const both = {fromWan: 'accept', toWan: 'accept', nft: [true, true]}
  const standby = {standby: true} as const
  const followed = {...standby, followed: true} as const
  const cases = [
    ['a tunnel alone', new Map(), {}, {tunnel: 100, fromWan: 'reject', toWan: null, nft: [false, false]}],
    ['the WAN is to follow: it is known, and the tunnel goes before it', only(false), {}, {...both, tunnel: 101}],
    ['the WAN has followed: the tunnel brings nothing', only(true), followed, {...both, tunnel: 'nothing'}],
    [
      'it has for one pair of uplinks of several: that one’s brings nothing',
      only(false),
      followed,
      {...both, tunnel: 'nothing'},
    ],
    ['a tunnel is to follow: it is known, and the WAN goes before it', only(true), standby, {...both, tunnel: 99}],
    ['a tunnel has followed: it goes before the WAN', only(false), {}, {...both, tunnel: 101}],
    [
      'the WAN is left: nothing is sent so, what comes is taken',
      only(false, true),
      {},
      {...both, tunnel: 101, fromWan: 'reject'},
    ],
  ] as const
  for (const [name, native, state, wanted] of cases) it(name, () => assert.deepEqual(look(native, state), wanted))
})
