import assert from 'node:assert/strict'
import type {NativeWays, Presence, SiteName, World} from '../../src/model/index.ts'
import {type Framed, isLargeJoin} from '../../src/plan/large-join.ts'
import {configOf, remote, tunnelTo} from '../support/sites.ts'

const b = 'b' as SiteName
const config = configOf({sites: new Map([remote('b', '10.2.0.0/16'), remote('c', '10.3.0.0/16')])})
const sitesWith = (presence: Presence): World['sites'] => new Map([[b, {presence}]]) as never
const native = (isLeft: boolean): NativeWays => new Map([[b, {isFirst: true, isLeft}]])
const framed = (parts: Partial<Framed> = {}): Framed => ({
  ...{config, sites: new Map(), tunnels: [tunnelTo('b', 'is-b')], native: new Map(), frame: {} as never, elements: 7},
  ...parts,
})
const LARGE = 100_000

describe('a large join', () => {
  const before = framed()
  const now = framed({elements: LARGE, tunnels: [tunnelTo('b', 'is-b'), tunnelTo('c', 'is-c')]})

  it('many endpoints and another frame', () => assert.ok(isLargeJoin(before, now)))
  it('a site that opens with them', () =>
    assert.ok(isLargeJoin(framed({sites: sitesWith('closed')}), {...now, sites: sitesWith('open')})))

  for (const [what, first, then] of [
    ['nothing before', null, now],
    ['the same frame', before, {...now, frame: before.frame}],
    ['few endpoints', before, {...now, elements: 900}],
    ['another configuration', before, {...now, config: configOf()}],
    ['a tunnel less', before, {...now, tunnels: [tunnelTo('c', 'is-c')]}],
    ['a site that closes', framed({sites: sitesWith('open')}), {...now, sites: sitesWith('closed')}],
    ['one that was not known, and closes', before, {...now, sites: sitesWith('closed')}],
    ['a way without tunnel less', framed({native: native(false)}), now],
    ['one that is left', framed({native: native(false)}), {...now, native: native(true)}],
  ] as const) {
    it(`none: ${what}`, () => assert.ok(!isLargeJoin(first, then)))
  }
})
