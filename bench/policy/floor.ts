import type {NftTable} from '../../src/model/index.ts'
import type {Compiled} from '../../src/policy/index.ts'
import {type BenchOptions, type BenchResult, medianOf} from '../result.ts'
import {CONNTRACK_ONLY, prepare, rounds} from './forwarding.ts'
import {tableScript} from './gateway-table.ts'
import {createRouterBed} from './router-bed.ts'
import {FULL_SIZE} from './workload.ts'

const SCALE = {rounds: 20, flows: 1_000}
const QUICK = {rounds: 3, flows: 100}
const CONNTRACK = 'conntrack'

/** The rules of one router: nothing but these behind conntrack, no anti-spoofing, generation, counter or mark of a flow. */
const RULES: Readonly<Record<string, readonly string[]>> = {
  'no-look-up': ['accept'],
  'one-look-up': ['meta priority set ip daddr map @class4d'],
  'two-look-ups': ['meta mark set ip saddr map @class4', 'meta priority set ip daddr map @class4d'],
  'and-verdict': [
    'meta mark set ip saddr map @class4',
    'meta priority set ip daddr map @class4d',
    'meta mark . meta priority vmap @verdict_of_pair',
  ],
}

/**
 * What is the least that a packet can cost that must be judged: rules that ask for the class of each end and for the pair's
 * verdict, and do nothing else. No table of this shape is faster, whatever it leaves out.
 */
export async function floor({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const scale = quick ? QUICK : SCALE
  const {compiled, frames} = prepare(FULL_SIZE.policies, scale)
  const bed = createRouterBed()
  try {
    bed.add(CONNTRACK, frames, ({run}) => run('nft -f -', CONNTRACK_ONLY))
    for (const [name, rules] of Object.entries(RULES)) {
      bed.add(name, frames, ({run}) => run('nft -f -', tableOf(compiled.sets, rules)))
    }
    const rates = await rounds(bed, scale)
    const conntrack = rates.get(CONNTRACK)!
    return Object.keys(RULES).map((name) => ({
      name: `floor/${name}/ratio`,
      ...medianOf(rates.get(name)!.map((rate, round) => rate / conntrack[round]!)),
      unit: 'ratio',
    }))
  } finally {
    bed.close()
  }
}

/** Conntrack's own rule first, then these; every pair that has a rule is allowed, so that all packets pass. */
function tableOf(compiled: Compiled['sets'], rules: readonly string[]): string {
  const pairs = compiled.get('pairs')!
  const allowed = new Map([...pairs.elements.keys()].map((pair) => [pair, 'accept']))
  const sets = [
    ...['class4', 'class4d'].map((name) => compiled.get(name)!),
    {...pairs, name: 'verdict_of_pair', value: 'verdict', elements: allowed},
  ]
  const hook = {type: 'filter', hook: 'forward', priority: 0, policy: 'accept'} as const
  const table: NftTable = {
    ...{family: 'inet', name: 'floor', counters: []},
    sets: new Map(sets.map((set) => [set.name, set])),
    chains: new Map([['forward', {name: 'forward', hook, rules: ['ct state invalid drop', ...rules]}]]),
  }
  return tableScript(table, {judged: false})
}
