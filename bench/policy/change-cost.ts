import {execFile} from 'node:child_process'
import path from 'node:path'
import {promisify} from 'node:util'
import {DAEMON_FLAGS} from '../../src/cli/daemon-flags.ts'
import {createNamespace} from '../../test/support/namespace.ts'
import {type BenchOptions, type BenchResult, medianOf, quantile} from '../result.ts'

const PROCESS = path.resolve(import.meta.dirname, 'change-process.ts')
const MAX_OUTPUT = 1 << 24

export interface ChangePlan {
  /**
   * `pairs` is what a gateway does. To compare with it, both in one transaction without stages: `pairs-at-once`, and
   * `destinations`, the other shape of design.md.
   */
  readonly shape: 'pairs' | 'pairs-at-once' | 'destinations'
  readonly endpointChanges: number
  readonly everyMs: number
  /** Changes to labels that no pod in the same nets of rules has. */
  readonly newCombinations: number
  readonly policyChanges: number
}

export interface ChangeTimes {
  readonly computeMs: number
  readonly kernelMs: number
  /** Both, and the pauses in which packets leave. */
  readonly totalMs: number
}

export interface ChangeFigures {
  readonly load: ChangeTimes
  /** From the moment that a change was due to its element in the kernel. */
  readonly endpointMs: readonly number[]
  readonly newCombinationMs: readonly number[]
  readonly policies: readonly ChangeTimes[]
  readonly rssMib: number
}

/** From a change to the kernel's acknowledgement, at 10,000 policies and 100,000 endpoints, in both shapes. */
export async function changeCost({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const [endpointChanges, policyChanges] = quick ? [200, 3] : [10_000, 100]
  const pairs = await changes({
    shape: 'pairs',
    endpointChanges,
    everyMs: 1,
    newCombinations: quick ? 2 : 20,
    policyChanges,
  })
  const inOneStep = {endpointChanges: 0, everyMs: 1, newCombinations: 0, policyChanges: quick ? 3 : 20}
  const atOnce = await changes({shape: 'pairs-at-once', ...inOneStep})
  const other = await changes({shape: 'destinations', ...inOneStep})
  const distribution = (name: string, sample: readonly number[], goal?: string): BenchResult[] => [
    {name: `${name}/p50-ms`, value: quantile(sample, 0.5), unit: 'ms'},
    {name: `${name}/p99-ms`, value: quantile(sample, 0.99), unit: 'ms', ...(goal ? {goal} : {})},
    {name: `${name}/max-ms`, value: quantile(sample, 1), unit: 'ms'},
  ]
  const inKernel = ({policies}: ChangeFigures): number[] => policies.map(({kernelMs}) => kernelMs)
  return [
    ...distribution('change/endpoint', pairs.endpointMs, '<=5'),
    ...distribution('change/endpoint/new-combination', pairs.newCombinationMs),
    ...distribution(
      'change/policy',
      pairs.policies.map(({totalMs}) => totalMs),
      '<=200',
    ),
    {name: 'change/policy/compute-ms', ...medianOf(pairs.policies.map(({computeMs}) => computeMs)), unit: 'ms'},
    {name: 'change/policy/kernel-ms', ...medianOf(inKernel(pairs)), unit: 'ms'},
    {name: 'pair-shape/change/policy/kernel-at-once-ms', ...medianOf(inKernel(atOnce)), unit: 'ms'},
    {name: 'destination-shape/change/policy/kernel-at-once-ms', ...medianOf(inKernel(other)), unit: 'ms'},
    {name: 'load/kernel-seconds', value: pairs.load.kernelMs / 1000, unit: 's'},
    {name: 'destination-shape/load/kernel-seconds', value: other.load.kernelMs / 1000, unit: 's'},
    {name: 'change/rss-mib', value: pairs.rssMib, unit: 'MiB'},
    {name: 'destination-shape/change/rss-mib', value: other.rssMib, unit: 'MiB'},
  ]
}

async function changes(plan: ChangePlan): Promise<ChangeFigures> {
  const namespace = createNamespace(plan.shape)
  try {
    const args = ['netns', 'exec', namespace.name, process.execPath, ...DAEMON_FLAGS, PROCESS, JSON.stringify(plan)]
    const {stdout} = await promisify(execFile)('ip', args, {maxBuffer: MAX_OUTPUT})
    return JSON.parse(stdout) as ChangeFigures
  } finally {
    namespace.remove()
  }
}
