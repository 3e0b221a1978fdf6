import assert from 'node:assert/strict'
import {logEntries} from '../../src/api/log-entries.ts'
import {Federation} from '../../src/federate/index.ts'
import type {Runtime} from '../../src/gateway/runtime.ts'
import {createWatched} from '../../src/gateway/watched.ts'
import type {Finding} from '../../src/model/index.ts'
import {configOf} from '../support/sites.ts'

const FINDING: Finding = {code: 'draining', severity: 'warning', where: {source: 'routing'}, detail: 'of the last pass'}
const TUNNEL = {id: 'wan b/b1/wan 0', session: 'tunnel_1', peer: '100.64.0.2', device: 'is-b-1'}
const SESSION = {
  ...{name: 'tunnel_1', kind: 'tunnel', neighbor: '100.64.0.2', as: 1, state: 'Established', up: true, sinceMs: 0},
  ...{imported: 1, exported: 1, lastError: null, gracefulRestart: false},
}

/** What of a runtime is watched; `begun`: its first pass is done, and all have been looked at. */
function runtimeOf(begun: boolean, isUp = true, leader: string | null = begun ? 'a1' : null) {
  const config = configOf()
  const federation = new Federation(config)
  const desired = {tunnels: [TUNNEL]}
  const router = {sessions: [{...SESSION, up: isUp, state: isUp ? 'Established' : 'Active'}], bfd: []}
  const source = {connected: begun, synced: begun, lastHeardMs: begun ? 0 : null, lastError: null}
  const findings = begun ? [FINDING] : []
  const runtime: unknown = {
    config,
    world: () => federation.world(),
    last: () => (begun ? {held: false, planned: {desired}} : null),
    monitor: {router: () => (begun ? router : null)},
    siteWatch: {standings: () => new Map()},
    drain: {since: () => null},
    publishing: {leadership: () => ({leader})},
    sources: {ids: ['datastore/main'], states: () => new Map([['datastore/main', source]])},
  }
  return {runtime: runtime as Runtime, findings}
}

describe('what the log of changes is made from', () => {
  let current: ReturnType<typeof runtimeOf>
  let nowMs: number
  let version: number
  let look: () => string[]

  beforeEach(() => {
    ;[current, nowMs, version] = [runtimeOf(true), 0, 1]
    const history = () => ({versions: [{version, at: '', how: 'applied' as const}], inForce: version, pending: null})
    const watched = createWatched({
      ...{runtime: () => current.runtime, findings: () => current.findings, nowMs: () => nowMs},
      configuration: {control: {history} as never},
    })
    let before = watched()
    look = () => {
      const now = watched()
      const said = logEntries(before, now).map(({code}) => code)
      before = now
      return said
    }
  })

  it('another configuration is one change: what has not been looked at under it is not lost', () => {
    version = 2
    current = runtimeOf(false)
    assert.deepEqual(look(), ['config-applied'])
    current = runtimeOf(true, true, null)
    assert.deepEqual(look(), [], 'nobody leads while it is elected anew')
    nowMs = 60_000
    assert.deepEqual(look(), ['leader-changed'])
  })

  it('what is lost under it is told, once it was looked at, or after some seconds', () => {
    current = runtimeOf(false)
    assert.deepEqual(look(), [])
    nowMs = 60_000
    assert.deepEqual(
      new Set(look()),
      new Set(['tunnel-removed', 'session-down', 'datastore-lost', 'finding-ended', 'leader-changed']),
    )
    current = runtimeOf(true, false)
    assert.deepEqual(new Set(look()), new Set(['tunnel-added', 'datastore-back', 'finding-appeared', 'leader-changed']))
  })

  it('and what is lost later at once', () => {
    const begun = runtimeOf(true)
    current = begun
    assert.deepEqual(look(), [])
    const {monitor} = runtimeOf(true, false).runtime
    Object.assign(begun.runtime, {monitor})
    assert.deepEqual(look(), ['tunnel-down', 'session-down'])
  })
})
