import {execFile} from 'node:child_process'
import path from 'node:path'
import {promisify} from 'node:util'
import {TestBird} from '../test/support/bird.ts'
import {createNamespace} from '../test/support/namespace.ts'
import type {ChurnFigures, ChurnPlan} from './gateway/churn-plan.ts'
import {type BenchOptions, type BenchResult, quantile} from './result.ts'

const PROCESS = path.resolve(import.meta.dirname, 'gateway/churn-process.ts')
const MAX_OUTPUT = 1 << 26

/**
 * The whole daemon at 100,000 endpoints of its own site, on a real etcd, a real kernel and a real BIRD: from the moment
 * an endpoint's put is sent to its element in the kernel and to its record in the export. docs/performance.md has more.
 */
export async function bench({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const namespace = createNamespace('gateway')
  const bird = new TestBird(namespace)
  try {
    namespace.run(
      'ip link add wan0 type veth peer name wan1; ip address add 192.0.2.1/24 dev wan0; ip link set wan0 up',
    )
    await bird.start()
    const plan: ChurnPlan = {
      endpoints: quick ? 10_000 : 100_000,
      policies: quick ? 100 : 500,
      quietEvents: quick ? 40 : 100,
      steadyEvents: quick ? 2000 : 10_000,
      perSecond: 1000,
      burst: quick ? 1000 : 10_000,
      birdConfig: bird.configFile,
      birdSocket: bird.socket,
    }
    const args = ['netns', 'exec', namespace.name, process.execPath, PROCESS, JSON.stringify(plan)]
    const running = promisify(execFile)('ip', args, {maxBuffer: MAX_OUTPUT})
    running.child.stderr?.pipe(process.stderr)
    const figures: ChurnFigures = JSON.parse((await running).stdout)
    return resultsOf(figures, plan)
  } finally {
    await bird.remove()
    namespace.remove()
  }
}

function resultsOf(figures: ChurnFigures, plan: ChurnPlan): BenchResult[] {
  const {quiet, steady, burst} = figures
  const rate = `churn/${plan.perSecond}-per-s`
  return [
    {name: 'start/kernel-seconds', value: figures.start.kernelMs / 1000, unit: 's'},
    {name: 'start/export-seconds', value: figures.start.exportMs / 1000, unit: 's'},
    ...distribution('quiet/etcd-to-kernel', quiet.kernelMs),
    ...distribution('quiet/etcd-to-export', quiet.exportMs),
    ...distribution(`${rate}/etcd-to-kernel`, steady.kernelMs, '<=20'),
    ...distribution(`${rate}/etcd-to-export`, steady.exportMs),
    ...distribution(`${rate}/etcd-answers`, steady.ackMs),
    {name: `${rate}/never-in-kernel`, value: plan.steadyEvents - steady.kernelMs.length, unit: ''},
    {name: `${rate}/passes-per-second`, value: steady.passes / steady.seconds, unit: '1/s'},
    {name: `${rate}/export-transactions`, value: steady.transactions, unit: ''},
    {name: 'churn/event-loop-block-ms', value: steady.blockMs, unit: 'ms', goal: '<=50'},
    {name: `${rate}/cpu-ms-per-event`, value: steady.cpuMs / plan.steadyEvents, unit: 'ms'},
    {name: 'burst/kernel-seconds', value: burst.kernelMs / 1000, unit: 's'},
    {name: 'burst/export-seconds', value: burst.exportMs / 1000, unit: 's'},
    {name: 'burst/export-transactions', value: burst.transactions, unit: '', goal: '<=500'},
    {name: 'burst/event-loop-block-ms', value: burst.blockMs, unit: 'ms', goal: '<=50'},
    {name: 'burst/cpu-ms-per-event', value: burst.cpuMs / plan.burst, unit: 'ms'},
    {name: 'reconnect/etcd-writes', value: figures.reconnect.etcdWrites, unit: '', goal: '<=0'},
    {name: 'reconnect/kernel-writes', value: figures.reconnect.kernelWrites, unit: '', goal: '<=0'},
    {name: 'by-hand/back-ms', value: figures.byHandMs, unit: 'ms', goal: '<=2000'},
    {name: 'rss-mib', value: figures.rssMib, unit: 'MiB'},
  ]
}

function distribution(name: string, sample: readonly number[], goal?: string): BenchResult[] {
  return [
    {name: `${name}/p50-ms`, value: quantile(sample, 0.5), unit: 'ms'},
    {name: `${name}/p99-ms`, value: quantile(sample, 0.99), unit: 'ms', ...(goal ? {goal} : {})},
    {name: `${name}/max-ms`, value: quantile(sample, 1), unit: 'ms'},
  ]
}
