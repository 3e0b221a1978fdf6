import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {pino} from 'pino'
import {Registry} from 'prom-client'
import {createFastPath} from '../../src/apply/index.ts'
import {createApplyMetrics} from '../../src/gateway/apply-metrics.ts'
import {createPolicyCounts} from '../../src/gateway/policy-counts.ts'
import {startRuntime} from '../../src/gateway/runtime.ts'
import {configOf} from '../support/sites.ts'

const nowMs = () => performance.now()
const clock = {
  nowMs,
  sleep: (ms: number, signal: AbortSignal) => delay(ms, undefined, {signal}).catch(() => undefined),
  random: Math.random,
}

describe('a runtime that cannot be started', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isthmus-runtime-'))
  })
  after(() => rm(folder, {recursive: true}))

  it('does not go on beside the one that stays in force', async () => {
    let reads = 0
    const read = async (signal: AbortSignal) => {
      signal.throwIfAborted()
      reads++
      return []
    }
    const driver = {name: 'fou', atomic: false, read, apply: async () => []} as const
    const nft = {
      ...{
        ...driver,
        name: 'nft' as const,
        atomic: true,
        kind: 'library' as const,
        read: async (signal: AbortSignal) => (await read(signal))[0] ?? null,
      },
      ...{generation: () => 2, raiseGeneration: async () => 2, readCounters: async () => new Map()},
      ...{takeJudged: async () => ({elements: [], beyond: 0}), watch: () => () => undefined, distrust: () => undefined},
      close: async () => undefined,
    } as const
    const kernel = {
      fastPath: createFastPath(),
      fou: {...driver, close: () => undefined},
      wireguard: {...driver, name: 'wireguard', close: () => undefined} as const,
      nft,
      netlink: {
        ...{...driver, name: 'netlink' as const, close: () => undefined},
        read: async (signal: AbortSignal) => ({links: await read(signal), addresses: [], queues: [], sourceRules: []}),
        watch: (): never => {
          throw new Error('EMFILE')
        },
      } as const,
      tunnels: {read: async () => [], close: () => undefined},
    }
    const paths = {
      state: folder,
      run: folder,
      birdConfig: join(folder, 'bird.conf'),
      birdSocket: join(folder, 'bird.ctl'),
    }
    const datastores = configOf()
      .datastores.slice(0, 1)
      .map((one) => ({...one, endpoints: ['http://127.0.0.1:1']}))
    const config = {...configOf(), datastores, sites: new Map(), uplinks: [], paths}
    const starting = startRuntime({
      ...{config, kernel, clock, previous: null, firstClass: 7, isPending: () => false},
      counts: createPolicyCounts({source: nft, clock, onError: () => undefined}),
      applied: createApplyMetrics(new Registry(), nowMs),
      log: pino({enabled: false}),
    })
    await assert.rejects(starting, /EMFILE/)
    await delay(50)
    const before = reads
    await delay(1300)
    assert.equal(reads, before)
  })
})
