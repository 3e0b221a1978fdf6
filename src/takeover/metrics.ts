import {Counter, Gauge, Histogram, type Registry} from 'prom-client'
import type {Word} from './judge.ts'

/** What is known at the moment of a scrape. */
export interface TakeoverSample {
  readonly own: Word
  /** null: the twin does not answer. */
  readonly twin: Word | null
}

export interface TakeoverMetrics {
  /** One run of the command. */
  ran(result: 'done' | 'failed' | 'timeout', seconds: number): void
}

/** Declares what `watch-routes` tells of itself; it has a /metrics of its own. */
export function registerTakeoverMetrics(register: Registry, sample: () => TakeoverSample | null): TakeoverMetrics {
  const registers = [register]
  const gauge = (name: string, help: string, value: (sample: TakeoverSample) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const now = sample()
        if (now) this.set(value(now))
      },
    })
  }
  gauge('isthmus_route_table_held', 'Whether this gateway has taken the routes, and the twin has not since', ({own}) =>
    own.has ? 1 : 0,
  )
  gauge(
    'isthmus_route_table_able',
    'Whether this gateway can carry: 2, 1 while it is drained, or 0',
    ({own}) => own.able,
  )
  gauge('isthmus_route_table_twin_answers', 'Whether the watch-routes of the twin answers', ({twin}) => (twin ? 1 : 0))
  const runs = new Counter({
    name: 'isthmus_route_table_commands_total',
    help: 'Runs of the command that takes the routes, by result: done, failed, timeout',
    labelNames: ['result'],
    registers,
  })
  const duration = new Histogram({
    name: 'isthmus_route_table_command_duration_seconds',
    help: 'How long the command that takes the routes ran',
    buckets: [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60],
    registers,
  })
  for (const result of ['done', 'failed', 'timeout']) runs.inc({result}, 0)
  return {
    ran(result, seconds) {
      runs.inc({result})
      duration.observe(seconds)
    },
  }
}
