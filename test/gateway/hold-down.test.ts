import assert from 'node:assert/strict'
import {createHeldSessions} from '../../src/gateway/hold-down.ts'
import type {BfdSession, BgpSessionState, RouterState} from '../../src/observe/index.ts'

const router = (since: number, up = true): RouterState => ({
  ...{up, version: '2', bfd: [], routes: new Map()},
  sessions: up
    ? (['tunnel', 'node'] as const).map(
        (kind) => ({name: kind, kind, up: true, sinceMs: since * 1000}) as BgpSessionState,
      )
    : [],
})

const TUNNELS = [{session: 'tunnel', peer: '100.64.0.2', device: 'is-b'}]

describe('sessions that come and go, as the gateway follows them', () => {
  it('only tunnels’; told once when that begins and once when it is over', () => {
    let nowMs = 0
    let told = 0
    const sessions = createHeldSessions({
      nowMs: () => nowMs,
      wallMs: () => nowMs,
      changed: () => told++,
    })
    const look = (atMs: number, state: RouterState | null): string => {
      nowMs = atMs
      sessions.look(state, TUNNELS)
      return [...sessions.held()].join()
    }
    assert.deepEqual(
      [look(0, router(1)), look(1000, router(3)), look(2000, router(5)), look(3000, router(5))],
      ['', '', 'tunnel', 'tunnel'],
    )
    const held = sessions.held()
    assert.equal(look(4000, null), 'tunnel', 'a BIRD that is away changes nothing')
    assert.equal(look(5000, router(5, false)), 'tunnel')
    assert.equal(sessions.held(), held)
    assert.equal(told, 1)
    assert.deepEqual([look(32_000, router(9)), told], ['', 2])
  })

  it('a clock that is set takes no session for lost', () => {
    let [nowMs, aheadMs] = [0, 0]
    let told = 0
    const sessions = createHeldSessions({nowMs: () => nowMs, wallMs: () => nowMs + aheadMs, changed: () => told++})
    for (const setMs of [0, 7_200_000, 7_100_000, 7_300_000]) {
      nowMs += 1000
      aheadMs = setMs
      sessions.look(router(1 + setMs / 1000), [])
    }
    assert.deepEqual([[...sessions.held()], told], [[], 0])
  })

  it('a look before the first plan, which tells what BFD to ask, is the beginning of nothing', () => {
    let nowMs = 0
    const sessions = createHeldSessions({nowMs: () => nowMs, wallMs: () => nowMs, changed: () => {}})
    const bfd = (up: boolean, since: number) =>
      [{neighbor: '100.64.0.2', device: 'is-b', up, sinceMs: since * 1000}] as BfdSession[]
    // BFD was lost once, long ago, while the session stood.
    for (const [tunnels, state] of [
      [[], {...router(1), bfd: bfd(true, 9)}],
      [TUNNELS, {...router(1), bfd: bfd(true, 9)}],
      [TUNNELS, {...router(1), bfd: bfd(false, 20)}],
    ] as const) {
      nowMs += 1000
      sessions.look(state, tunnels)
    }
    assert.deepEqual([...sessions.held()], [])
  })

  it('a session that outlives what BFD tells: the losses are BFD’s, and of that device', () => {
    const heldAfter = (...seen: readonly (readonly [up: boolean, sinceMs: number, device?: string])[]): string => {
      let nowMs = 0
      const sessions = createHeldSessions({nowMs: () => nowMs, wallMs: () => nowMs, changed: () => {}})
      for (const [up, sinceMs, device = 'is-b'] of seen) {
        nowMs += 1000
        const bfd = [{neighbor: '100.64.0.2', device, up, sinceMs: sinceMs * 1000} as BfdSession]
        sessions.look({...router(1), bfd}, TUNNELS)
      }
      return [...sessions.held()].join()
    }
    assert.equal(heldAfter([true, 2], [false, 3], [true, 4], [false, 5]), 'tunnel')
    assert.equal(heldAfter([true, 2], [true, 4], [true, 6]), 'tunnel', 'between two looks')
    assert.equal(heldAfter([false, 1], [true, 2], [true, 2], [false, 5]), '', 'once is no flap')
    assert.equal(heldAfter([true, 2, 'is-c'], [false, 3, 'is-c'], [true, 4, 'is-c'], [false, 5, 'is-c']), '')
  })
})
