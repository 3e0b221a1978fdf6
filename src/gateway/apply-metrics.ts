import {Counter, Histogram, type Registry} from 'prom-client'
import type {NodeStep, Outcome} from '../model/index.ts'
import type {PassReport} from './pass.ts'
import type {Appliers} from './reconcile.ts'

export type ApplyMetrics = ReturnType<typeof createApplyMetrics>

const DRIVERS = [
  'sysctl',
  'fou',
  'nft',
  'netlink',
  'wireguard',
  'bird',
] as const satisfies readonly NodeStep['driver'][]

/** The event loop's goal is 50 ms, that of a change 1 s; a start takes up to a minute. */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** How long changes take on their way into the kernel, what fails there, and what had to be put back. */
export function createApplyMetrics(register: Registry, nowMs: () => number) {
  const registers = [register]
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram({name: `isthmus_${name}_seconds`, help, labelNames, buckets: BUCKETS, registers})
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({name: `isthmus_${name}_total`, help, labelNames, registers})
  const compiling = histogram('policy_compile_duration', 'Time in which a policy was compiled, by passes that did.')
  const applying = histogram('apply_duration', 'Time that a driver took for steps of one pass.', ['driver'])
  const propagation = histogram(
    'propagation',
    'Time from a change that a datastore told until all that follows from it was in force; not of the start.',
  )
  const steps = counter('apply_steps', 'Steps of drivers, by result: done, failed.', ['driver', 'result'])
  const repairs = counter(
    'apply_repairs',
    'Steps by which a driver put back what something else had changed: nothing that is wanted had.',
    ['driver'],
  )
  for (const driver of DRIVERS) {
    for (const result of ['done', 'failed']) steps.inc({driver, result}, 0)
    repairs.inc({driver}, 0)
  }

  /** The first change that no pass has looked at yet, and the first of those that passes have not finished with. */
  let toldMs: number | null = null
  let takenMs: number | null = null

  const watched = <S>(
    driver: NodeStep['driver'],
    applier: {apply(steps: readonly S[], signal: AbortSignal): Promise<readonly Outcome[]>},
  ) => ({
    apply: async (due: readonly S[], signal: AbortSignal): Promise<readonly Outcome[]> => {
      const beganMs = nowMs()
      const outcomes = await applier.apply(due, signal)
      applying.observe({driver}, (nowMs() - beganMs) / 1000)
      for (const {ok} of outcomes) steps.inc({driver, result: ok ? 'done' : 'failed'})
      return outcomes
    },
  })

  return {
    /** A datastore told a change. */
    told(): void {
      toldMs ??= nowMs()
    },
    /** A pass looks at the world. */
    taken(): void {
      takenMs ??= toldMs
      toldMs = null
    },
    async compile<T>(before: T | null, compile: () => Promise<T>): Promise<T> {
      const beganMs = nowMs()
      const compiled = await compile()
      if (compiled !== before) compiling.observe((nowMs() - beganMs) / 1000)
      return compiled
    },
    watch: ({sysctl, fou, nft, netlink, wireguard, bird}: Appliers): Appliers => ({
      sysctl: watched('sysctl', sysctl),
      fou: watched('fou', fou),
      nft: watched('nft', nft),
      netlink: watched('netlink', netlink),
      wireguard: watched('wireguard', wireguard),
      bird: watched('bird', bird),
    }),
    /** A pass is done. */
    passed(
      report: Pick<PassReport, 'held' | 'dirty' | 'planned' | 'steps' | 'failures'>,
      before: Pick<PassReport, 'held' | 'dirty' | 'planned'> | null,
    ): void {
      const isStart = before === null || before.held
      if (!report.dirty) {
        if (!isStart && takenMs !== null) propagation.observe((nowMs() - takenMs) / 1000)
        takenMs = null
      }
      // A step that is due though the same is wanted as by a pass that left nothing undone.
      if (isStart || before.dirty || report.planned !== before.planned) return
      const failed = new Set(report.failures.map(({step}) => step))
      for (const {driver, key} of report.steps) if (!failed.has(key)) repairs.inc({driver})
    },
  }
}
