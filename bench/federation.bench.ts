import {execFile} from 'node:child_process'
import {existsSync} from 'node:fs'
import path from 'node:path'
import {promisify} from 'node:util'
import {TestBird} from '../test/support/bird.ts'
import {createNamespace} from '../test/support/namespace.ts'
import {uplinkAddress} from './federation/export-data.ts'
import type {FederationFigures, FederationPlan} from './federation/federation-plan.ts'
import {type BenchOptions, type BenchResult, quantile} from './result.ts'

export const PROCESS = path.resolve(import.meta.dirname, 'federation/federation-process.ts')
export const DAEMON = path.resolve(import.meta.dirname, '../dist/isthmusd.mjs')
const MAX_OUTPUT = 1 << 28

interface Size {
  readonly name: string
  readonly sites: number
  readonly endpoints: number
}

/** The goals' size, and what grows towards it. */
const SIZES: readonly Size[] = [
  {name: '1x10k', sites: 1, endpoints: 10_000},
  {name: '1x100k', sites: 1, endpoints: 100_000},
  {name: '10x10k', sites: 10, endpoints: 10_000},
  {name: '10x100k', sites: 10, endpoints: 100_000},
]
const GOAL_SIZE = '10x100k'

/**
 * The whole daemon with up to ten remote sites of 100,000 endpoints, each a real etcd, and a real kernel: a start from
 * nothing, an etcd that goes and comes, 1,000 changes a second. `--only` takes a size. docs/performance.md has more.
 */
export async function bench({only, quick}: BenchOptions): Promise<readonly BenchResult[]> {
  if (!existsSync(DAEMON)) throw new Error('dist/isthmusd.mjs is not there: `npm run build` makes it')
  const sizes = SIZES.filter(({name}) => only === null || name === only)
  if (sizes.length === 0) throw new Error(`--only is one of ${SIZES.map(({name}) => name).join(', ')}`)
  const results: BenchResult[] = []
  for (const size of sizes) {
    if (quick && only === null && size.endpoints > 10_000) continue
    results.push(...resultsOf(size, await run(size, quick)))
  }
  return results
}

function run({sites, endpoints}: Size, quick: boolean): Promise<FederationFigures> {
  const churnEvents = quick ? 2000 : 10_000
  return inNamespace(PROCESS, {sites, endpoints, policies: 500, uplinks: 0, churnEvents, perSecond: 1000})
}

/** Runs a process of the bench in a namespace with a BIRD and the plan's uplinks, and reads what it prints. */
export async function inNamespace<Figures>(
  program: string,
  some: Omit<FederationPlan, 'birdConfig' | 'birdSocket'>,
): Promise<Figures> {
  const namespace = createNamespace('federation')
  const bird = new TestBird(namespace)
  try {
    namespace.run('ip link add wan0 type veth peer name wan1; ip link set wan0 up; ip link set wan1 up')
    for (let index = 0; index < Math.max(1, some.uplinks); index++)
      namespace.run(`ip address add ${uplinkAddress(index)}/24 dev wan0`)
    await bird.start()
    const plan: FederationPlan = {...some, birdConfig: bird.configFile, birdSocket: bird.socket}
    const args = ['netns', 'exec', namespace.name, process.execPath, program, JSON.stringify(plan)]
    const running = promisify(execFile)('ip', args, {maxBuffer: MAX_OUTPUT})
    running.child.stderr?.pipe(process.stderr)
    return JSON.parse((await running).stdout)
  } finally {
    await bird.remove()
    namespace.remove()
  }
}

function resultsOf({name}: Size, {cold, reconnect, churn, steps}: FederationFigures): BenchResult[] {
  const isGoal = name === GOAL_SIZE
  const goal = (bound: string): {goal?: string} => (isGoal ? {goal: bound} : {})
  /** Where goals are, as formats.md has them; elsewhere under the size. */
  const at = (part: string): string => (isGoal ? part : `${name}/${part}`)
  return [
    {name: `cold/${name}/seconds`, value: cold.seconds, unit: 's', ...goal('<=45')},
    {name: `cold/${name}/rss-mib`, value: cold.rssMib, unit: 'MiB', ...goal('<=1536')},
    {name: `cold/${name}/settled-rss-mib`, value: cold.settledRssMib, unit: 'MiB'},
    {name: `cold/${name}/cpu-seconds`, value: cold.cpuSeconds, unit: 's'},
    {name: `cold/${name}/event-loop-block-ms`, value: cold.blockMs, unit: 'ms'},
    {name: `cold/${name}/steps/list-seconds`, value: steps.listSeconds, unit: 's'},
    {name: `cold/${name}/steps/decode-seconds`, value: steps.decodeSeconds, unit: 's'},
    {name: `cold/${name}/steps/federate-seconds`, value: steps.federateSeconds, unit: 's'},
    {name: `cold/${name}/steps/compile-seconds`, value: steps.compileSeconds, unit: 's'},
    {name: `cold/${name}/steps/nft-seconds`, value: steps.nftSeconds, unit: 's'},
    {name: at('reconnect/unchanged/seconds'), value: reconnect.listedSeconds, unit: 's', ...goal('<=5')},
    {name: at('reconnect/unchanged/resumed-seconds'), value: reconnect.resumedSeconds, unit: 's', ...goal('<=5')},
    {name: at('reconnect/unchanged/kernel-writes'), value: reconnect.kernelWrites, unit: '', ...goal('<=0')},
    {name: at('reconnect/unchanged/event-loop-block-ms'), value: reconnect.blockMs, unit: 'ms'},
    {name: at('churn/1000-per-s/p50-ms'), value: quantile(churn.kernelMs, 0.5), unit: 'ms'},
    {name: at('churn/1000-per-s/p99-ms'), value: quantile(churn.kernelMs, 0.99), unit: 'ms', ...goal('<=100')},
    {name: at('churn/1000-per-s/max-ms'), value: quantile(churn.kernelMs, 1), unit: 'ms'},
    {name: at('churn/1000-per-s/etcd-answers-p99-ms'), value: quantile(churn.ackMs, 0.99), unit: 'ms'},
    {name: at('churn/1000-per-s/never-in-kernel'), value: churn.lost, unit: ''},
    {name: at('churn/1000-per-s/cpu-ms-per-event'), value: churn.cpuMs / churn.events, unit: 'ms'},
    {name: at('churn/event-loop-block-ms'), value: churn.blockMs, unit: 'ms', ...goal('<=50')},
  ]
}
