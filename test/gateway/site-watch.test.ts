import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {WatchState} from '../../src/etcd/index.ts'
import {Federation, LISTEN_MS} from '../../src/federate/index.ts'
import type {PassReport} from '../../src/gateway/pass.ts'
import {createSiteWatch} from '../../src/gateway/site-watch.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import type {LostRule, SiteName, SourceId} from '../../src/model/index.ts'
import {knownSources, saveLastKnown} from '../../src/store/index.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, LOST_RULE, listOf, remote, site} from '../support/sites.ts'

const HOUR = 3_600_000
const B = site('b')
const EXPORT_B = [
  rawRecord(`${EXPORT}meta`, {schema: 1, site: 'b', generation: 1}),
  rawRecord(`${EXPORT}attributes/x1`, {kind: 'pod', labels: {app: 'db'}, namespace: 'shop'}),
  rawRecord(`${EXPORT}endpoints/main/10.2.0.5/x1`, {n: ['shop/db-0']}),
]
const NEVER: WatchState = {
  connected: false,
  synced: false,
  revision: 0,
  clusterId: null,
  endpoint: null,
  lastHeardMs: null,
  lastError: null,
  resyncs: {},
  events: 0,
  excess: null,
}

describe('the watch over remote sites', () => {
  let dir = ''
  /** Goes on over restarts, like the clock since boot does; what is on disk ages by the real one, by nearly nothing. */
  let nowMs = 0
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-sites-'))
    nowMs = 1_000_000
  })
  afterEach(() => rmSync(dir, {recursive: true}))

  /** A daemon's life: clock, etcd and tunnels by hand, and a kernel that takes every pass. */
  async function life(lost: Partial<LostRule> = {}) {
    const b = remote('b', '10.2.0.0/16')
    const config = configOf({
      sites: new Map([[b[0], {...b[1], lost: {...LOST_RULE, ...lost}}]]),
      paths: {...configOf().paths, state: dir},
    })
    const federation = new Federation(config)
    const states = new Map<SourceId, WatchState>()
    let up = new Set<SiteName>()
    let last: PassReport | null = null
    let triggers = 0
    const errors: unknown[] = []
    const forgotten: SourceId[] = []
    const watch = await createSiteWatch({
      ...{config, federation, states: () => states, up: () => up, last: () => last, nowMs: () => nowMs},
      trigger: () => triggers++,
      forget: async (source) => void forgotten.push(source),
      gate: createTurnstile(),
      onError: (error) => errors.push(error),
    })
    federation.restore(listOf('export/b', EXPORT_B))
    const pass = (failed = false): void => {
      const step = {driver: 'nft', do: 'set-delete', name: 'x', key: 'nft set x', needs: [], reason: ''}
      last = {
        ...{held: false, planned: null, world: federation.world(), unread: new Map(), findings: [], durationMs: 1},
        ...{dirty: failed, steps: failed ? [step] : []},
        failures: failed ? [{ok: false, step: step.key, code: 'failed', cause: 'told to'}] : [],
      } as never
    }
    return {
      watch,
      pass,
      errors,
      forgotten,
      triggers: () => triggers,
      heard: () => states.set('export/b', {...NEVER, lastHeardMs: nowMs}),
      tunnel: (isUp: boolean) => {
        up = new Set(isUp ? [B] : [])
      },
      /** Looks until nothing is left to do, with a pass after each look; what was in force one after the other. */
      settle: async (): Promise<string[]> => {
        const seen: string[] = []
        for (;;) {
          await watch.look()
          pass()
          const presence = federation.world().sites.get(B)!.presence
          if (presence === seen.at(-1)) return seen
          seen.push(presence)
        }
      },
      state: () => watch.standings().get(B)!.state,
      presence: () => federation.world().sites.get(B)!.presence,
      has: () => federation.world().members.has('10.2.0.5/32' as never),
      codes: () => watch.findings().map(({code}) => code),
      stop: async () => {
        const signal = AbortSignal.abort()
        await watch.follow({nowMs: () => nowMs, sleep: async () => undefined, random: () => 0}, signal)
        assert.deepEqual(errors, [])
      },
    }
  }

  it('has nothing to tell of a site that nobody has looked for yet: the first look changes no state', async () => {
    const gateway = await life()
    const before = gateway.state()
    await gateway.watch.look()
    assert.deepEqual([before, gateway.state()], ['fresh', 'fresh'])
  })

  it('takes a lost site out by way of closed, and has it back at once when its etcd answers', async () => {
    const gateway = await life()
    gateway.heard()
    assert.deepEqual(await gateway.settle(), ['open'])
    assert.equal(gateway.state(), 'fresh')
    nowMs += 60_000
    await gateway.watch.look()
    assert.deepEqual([gateway.state(), gateway.codes()], ['suspect', []])
    nowMs += 24 * HOUR
    assert.deepEqual(await gateway.settle(), ['closed', 'withdrawn'])
    assert.deepEqual([gateway.state(), gateway.has(), gateway.codes()], ['withdrawn', false, ['site-withdrawn']])
    gateway.heard()
    assert.deepEqual(await gateway.settle(), ['closed', 'open'])
    assert.deepEqual([gateway.state(), gateway.has(), gateway.codes()], ['fresh', true, []])
  })

  it('keeps all while a tunnel is up, and comes back with one', async () => {
    const gateway = await life()
    gateway.tunnel(true)
    nowMs += 1000 * HOUR
    assert.deepEqual(await gateway.settle(), ['open'])
    assert.deepEqual([gateway.state(), gateway.codes()], ['stale', ['site-stale']])
    gateway.tunnel(false)
    nowMs += 24 * HOUR
    assert.deepEqual(await gateway.settle(), ['closed', 'withdrawn'])
    gateway.tunnel(true)
    assert.deepEqual(await gateway.settle(), ['closed', 'open'])
  })

  it('denies, or holds, where that is chosen', async () => {
    const [denying, holding] = [await life({action: 'deny'}), await life({action: 'hold'})]
    nowMs += 25 * HOUR
    assert.deepEqual(await denying.settle(), ['open', 'closed'], 'not before the kernel has a first pass')
    assert.equal(denying.has(), true)
    assert.deepEqual(await holding.settle(), ['open'])
    assert.equal(holding.state(), 'stale')
  })

  it('does not go on while the kernel has not taken the last step', async () => {
    const gateway = await life()
    gateway.pass()
    nowMs += 25 * HOUR
    await gateway.watch.look()
    assert.equal(gateway.presence(), 'closed')
    gateway.pass(true)
    await gateway.watch.look()
    assert.equal(gateway.presence(), 'closed', 'its endpoints stay while packets may still pass')
    gateway.pass()
    await gateway.watch.look()
    assert.equal(gateway.presence(), 'withdrawn')
    assert.equal(gateway.triggers(), 2)
  })

  it('forgets a site only when told, once, and long after it was taken out; over restarts too', async () => {
    const rule = {forgetAfterMs: 48 * HOUR}
    const never = await life()
    nowMs += 1000 * HOUR
    assert.deepEqual(await never.settle(), ['open', 'closed', 'withdrawn'])
    nowMs += 1000 * HOUR
    assert.deepEqual([await never.settle(), never.forgotten], [['withdrawn'], []])

    const first = await life(rule)
    nowMs += 1000 * HOUR
    assert.deepEqual(await first.settle(), ['open', 'closed', 'withdrawn'], 'however long it was gone before')
    nowMs += 24 * HOUR
    assert.deepEqual([await first.settle(), first.forgotten], [['withdrawn'], []])
    await first.stop()
    const second = await life(rule)
    assert.deepEqual([await second.settle(), second.forgotten], [['withdrawn'], []])
    nowMs += 24 * HOUR
    assert.deepEqual(await second.settle(), ['forgotten'])
    assert.deepEqual([second.forgotten, second.codes()], [['export/b'], ['site-forgotten']])
    await second.stop()
    await saveLastKnown(dir, 'export/b', {
      ...{site: B, source: 'export', datastore: null, clusterId: 'c', revision: 1, records: EXPORT_B},
    })
    const third = await life(rule)
    assert.deepEqual([await third.settle(), third.forgotten], [['forgotten'], []])
    assert.deepEqual(await knownSources(dir), [], 'what a crash left on disk')
    third.heard()
    assert.deepEqual(await third.settle(), ['withdrawn', 'closed', 'open'])
  })

  it('forgets a site whose flows were denied by way of withdrawn', async () => {
    const gateway = await life({action: 'deny', forgetAfterMs: HOUR})
    nowMs += 25 * HOUR
    assert.deepEqual(await gateway.settle(), ['open', 'closed'])
    nowMs += HOUR
    assert.deepEqual(await gateway.settle(), ['withdrawn', 'forgotten'])
  })

  it('counts over restarts: what was lost stays lost, what was not has time to be heard of', async () => {
    const first = await life()
    nowMs += 25 * HOUR
    await first.watch.look()
    await first.stop()
    const lost = await life()
    assert.deepEqual([lost.presence(), lost.has()], ['withdrawn', false], 'from the first pass on')
    lost.heard()
    assert.deepEqual(await lost.settle(), ['withdrawn', 'closed', 'open'])
    await lost.stop()

    // The daemon was away for long, the site was not: nothing is taken before somebody has listened.
    const away = await life({suspectAfterMs: 10, staleAfterMs: 20, afterMs: 30})
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual(await away.settle(), ['open'])
    nowMs += LISTEN_MS - 1
    assert.deepEqual(await away.settle(), ['open'])
    nowMs += 1
    assert.deepEqual(await away.settle(), ['closed', 'withdrawn'])
  })
})
