import assert from 'node:assert/strict'
import {
  judgeSite,
  LISTEN_MS,
  nextPresence,
  type SiteSigns,
  type SiteState,
  siteFinding,
  wantedPresence,
} from '../../src/federate/index.ts'
import type {LostRule, Presence} from '../../src/model/index.ts'
import {LOST_RULE, site} from '../support/sites.ts'

const HOUR = 3_600_000
const signs = (over: Partial<SiteSigns>): SiteSigns => ({
  silentMs: 0,
  cutMs: 0,
  watchedMs: LISTEN_MS,
  before: 'fresh',
  withdrawnMs: 0,
  ...over,
})
const hold: LostRule = {...LOST_RULE, action: 'hold'}
const forget: LostRule = {...LOST_RULE, forgetAfterMs: 7 * 24 * HOUR}
const year = {silentMs: 9000 * HOUR, cutMs: 9000 * HOUR, withdrawnMs: 8976 * HOUR} as const

const cases: readonly [claim: string, signs: Partial<SiteSigns>, state: SiteState, rule?: LostRule][] = [
  ['heard a moment ago', {silentMs: 29_999}, 'fresh'],
  ['silent for as long as makes suspect', {silentMs: 30_000}, 'suspect'],
  ['a moment before it is stale', {silentMs: 299_999}, 'suspect'],
  ['silent for as long as makes stale', {silentMs: 300_000}, 'stale'],
  ['silent for a year, its tunnel up', {silentMs: 9000 * HOUR, cutMs: 0}, 'stale'],
  ['silent for a year, its tunnel away for an hour', {silentMs: 9000 * HOUR, cutMs: HOUR}, 'stale'],
  ['its tunnel away for a year, heard an hour ago', {silentMs: HOUR, cutMs: 9000 * HOUR}, 'stale'],
  ['both gone, a moment too short', {silentMs: 25 * HOUR, cutMs: 24 * HOUR - 1}, 'stale'],
  ['both gone for as long', {silentMs: 25 * HOUR, cutMs: 24 * HOUR}, 'withdrawn'],
  ['both gone, and it is to be held', {silentMs: 25 * HOUR, cutMs: 25 * HOUR}, 'stale', hold],
  ['without tunnels by configuration, silent', {silentMs: 24 * HOUR, cutMs: null}, 'withdrawn'],
  ['both gone, but nobody has listened yet', {silentMs: 25 * HOUR, cutMs: 25 * HOUR, watchedMs: 0}, 'stale'],
  [
    'lost before the start, and nobody has listened yet',
    {silentMs: 25 * HOUR, cutMs: 25 * HOUR, watchedMs: 0, before: 'withdrawn'},
    'withdrawn',
  ],
  ['lost for a year, and nobody said that it is to be forgotten', {...year, before: 'withdrawn'}, 'withdrawn'],
  ['lost for as long as makes forgotten', {...year, before: 'withdrawn', withdrawnMs: 168 * HOUR}, 'forgotten', forget],
  ['a moment too short', {...year, before: 'withdrawn', withdrawnMs: 168 * HOUR - 1}, 'withdrawn', forget],
  ['gone for a year, found so only now', {...year, before: 'stale', withdrawnMs: 0}, 'withdrawn', forget],
  ['forgotten, at a start', {...year, before: 'forgotten', watchedMs: 0}, 'forgotten', forget],
  ['forgotten, and its etcd answers', {...year, before: 'forgotten', silentMs: 0}, 'fresh', forget],
  ['lost, and its etcd answers', {silentMs: 0, cutMs: 25 * HOUR, before: 'withdrawn'}, 'fresh'],
  ['lost, and its tunnel is up', {silentMs: 25 * HOUR, cutMs: 0, before: 'withdrawn'}, 'stale'],
]

describe('a remote site', () => {
  for (const [claim, over, state, rule = LOST_RULE] of cases) {
    it(`${claim}: ${state}`, () => assert.equal(judgeSite(signs(over), rule), state))
  }

  it('is what the operator chose once it is lost, and all there before', () => {
    const wanted = (state: SiteState, action: LostRule['action']) => wantedPresence(state, {...LOST_RULE, action})
    assert.equal(wanted('withdrawn', 'withdraw'), 'withdrawn')
    assert.equal(wanted('withdrawn', 'deny'), 'closed')
    for (const action of ['withdraw', 'deny'] as const) assert.equal(wanted('forgotten', action), 'forgotten')
    for (const state of ['fresh', 'suspect', 'stale'] as const) assert.equal(wanted(state, 'withdraw'), 'open')
  })

  it('goes by way of closed, both ways', () => {
    const way = (from: Presence, to: Presence): Presence[] =>
      from === to ? [from] : [from, ...way(nextPresence(from, to), to)]
    assert.deepEqual(way('open', 'withdrawn'), ['open', 'closed', 'withdrawn'])
    assert.deepEqual(way('withdrawn', 'open'), ['withdrawn', 'closed', 'open'])
    assert.deepEqual(way('open', 'closed'), ['open', 'closed'])
    assert.deepEqual(way('closed', 'forgotten'), ['closed', 'withdrawn', 'forgotten'])
    assert.deepEqual(way('forgotten', 'open'), ['forgotten', 'withdrawn', 'closed', 'open'])
  })

  it('is told of when stale or lost, with the time that was configured', () => {
    const finding = (state: SiteState, rule = LOST_RULE) => siteFinding(site('b'), state, signs({}), rule)
    assert.equal(finding('fresh'), null)
    assert.equal(finding('suspect'), null)
    assert.match(finding('stale')!.detail, /not been heard of for 5m/)
    // The table of `get datastores` has no reason: the walk says where it ends.
    assert.match(finding('stale')!.remedy ?? '', /^`isthmus diagnose datastore b` /)
    assert.match(finding('withdrawn')!.detail, /neither its etcd nor a tunnel .* for 1d, so its endpoints and routes/)
    assert.match(
      finding('forgotten', forget)!.detail,
      /is forgotten: it was lost for 7d, and nothing that it said is kept/,
    )
    assert.match(finding('withdrawn', {...LOST_RULE, action: 'deny'})!.detail, /all flows with it are denied/)
  })
})
