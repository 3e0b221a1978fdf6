import {Federation} from '../../src/federate/index.ts'
import {createActualCache} from '../../src/gateway/actual.ts'
import {createPass} from '../../src/gateway/pass.ts'
import type {Appliers} from '../../src/gateway/reconcile.ts'
import {
  type Carriers,
  type DriverName,
  type NodeStep,
  type Outcome,
  type QueueSpec,
  ruleHash,
  type SourceId,
  type WanPeer,
} from '../../src/model/index.ts'
import type {PlanInput} from '../../src/plan/index.ts'
import {type Compiled, compilePolicy} from '../../src/policy/index.ts'
import {FakeNode} from '../support/fake-node.ts'
import {configOf, listOf} from '../support/sites.ts'

const signal = new AbortController().signal
export const NO_CARRIERS = new Map()
export const NO_KEYS = new Map()
const DEVICES = new Map([['eth0', 2]])
export const SOURCES: SourceId[] = ['datastore/main', 'datastore/second', 'export/b', 'export/c']

/** A whole gateway but for its edges: a node in memory, a clock by hand, drivers that fail when told. */
export function gateway(node = new FakeNode(), peers: readonly WanPeer[] = []) {
  const config = {...configOf(), peers}
  const federation = new Federation(config)
  const failing = new Set<DriverName>()
  const unreadable = new Set<DriverName>()
  /** What reading a part waits for. */
  const slow = new Map<DriverName, Promise<void>>()
  const raised: number[] = []
  const order: string[] = []
  /** What rules looked up, after each batch of the ruleset. */
  const judgements: string[] = []
  let compiled: Compiled | null = null
  let nowMs = 0
  let raiseFails = 0
  let draining = false
  let queues: readonly QueueSpec[] = []
  const limits = new Map()
  let carriers: Carriers = NO_CARRIERS
  let keys: PlanInput['keys'] = NO_KEYS

  const applier = <N extends NodeStep['driver']>(name: N) => ({
    apply: async (steps: readonly Extract<NodeStep, {driver: N}>[]): Promise<Outcome[]> => {
      if (failing.has(name)) {
        return steps.map(({key}) => ({ok: false, step: key, code: 'failed', cause: 'told to'}))
      }
      node.apply(steps)
      if (name === 'nft') judgements.push(nftStage(node))
      return steps.map(({key}) => ({ok: true, step: key}))
    },
  })
  const appliers: Appliers = {
    sysctl: applier('sysctl'),
    fou: applier('fou'),
    nft: applier('nft'),
    netlink: applier('netlink'),
    wireguard: applier('wireguard'),
    bird: applier('bird'),
  }
  const read =
    <T>(part: DriverName, value: () => T) =>
    async (): Promise<T> => {
      await slow.get(part)
      if (unreadable.has(part)) throw new Error(`${part} says nothing`)
      return value()
    }
  const cache = createActualCache({
    sysctl: read('sysctl', () => node.actual().sysctls),
    fou: read('fou', () => node.actual().fouPorts),
    netlink: read('netlink', () => {
      const {links, addresses, queues, sourceRules} = node.actual()
      return {links, addresses, queues, sourceRules}
    }),
    wireguard: read('wireguard', () => node.actual().wireguard),
    nft: read('nft', () => node.actual().nft),
    bird: read('bird', () => node.actual().bird),
  })
  const pass = createPass({
    config,
    beforeWorld: async () => {
      order.push('before')
    },
    world: () => {
      order.push('world')
      return federation.world()
    },
    compile: (world, held) => {
      order.push('compile')
      compiled = compilePolicy(world, {default: 'deny', previous: compiled, firstClass: 7, held})
      return compiled
    },
    keys: {
      known: () => keys,
      // On a full disk; what makes keys is tried with a real one elsewhere.
      make: async () => {
        throw new Error('ENOSPC')
      },
      drop: async () => {
        throw new Error('ENOSPC')
      },
    },
    carriers: async () => carriers,
    passwords: new Map(),
    draining: () => draining,
    limits: () => limits,
    uplinkDevices: () => [],
    queues: () => queues,
    devices: () => DEVICES,
    cache,
    appliers,
    raiseGeneration: async () => {
      if (raiseFails-- > 0) throw new Error('not raised')
      raised.push(nowMs)
    },
    sources: SOURCES,
    nowMs: () => nowMs,
  })
  return {
    node,
    federation,
    failing,
    unreadable,
    slow,
    raised,
    judgements,
    order,
    cache,
    pass: () => pass(signal),
    advance: (ms: number) => {
      nowMs += ms
    },
    shape: (wanted: readonly QueueSpec[]) => {
      queues = wanted
    },
    drain: (on: boolean) => {
      draining = on
    },
    carry: (wanted: Carriers, known: PlanInput['keys']) => {
      carriers = wanted
      keys = known
    },
    failRaise: (times: number) => {
      raiseFails = times
    },
    hear: (...sources: SourceId[]) => {
      for (const source of sources) federation.update(listOf(source, []))
    },
  }
}

/** Which maps of the way are there, and whether the judgement asks them. */
function nftStage({nft}: FakeNode): string {
  const asks = (chain: string, rule: string): boolean => nft!.chains.get(chain)!.rules.includes(ruleHash(rule))
  const turned = asks('judge_pair', 'meta mark set meta mark . meta priority map @flip meta mark vmap @verdicts')
  return `${nft!.sets.get('flip')!.elements.size > 0 ? 'beside' : 'alone'}${turned ? ', turned' : ''}`
}
