import {Counter, Gauge, Histogram, type Registry} from 'prom-client'

/** Often enough to see whatever holds the loop longer, seldom enough that a quiet gateway stays quiet. */
const LOOK_MS = 100

/** Of the process itself: how late its timers are, what memory and processor it takes, and what time it thinks it is. */
export function createProcessMetrics(register: Registry) {
  const registers = [register]
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      ...{name, help, registers},
      collect() {
        this.set(value())
      },
    })
  }
  // The names that every Prometheus client gives them, so that others' dashboards find them.
  gauge('process_resident_memory_bytes', 'Memory of the process that is in RAM.', () => process.memoryUsage.rss())
  gauge('process_start_time_seconds', 'When the process started, seconds since 1970.', startedAt)
  new Counter({
    ...{name: 'process_cpu_seconds_total', help: "Processor's time that the process took.", registers},
    collect() {
      const {user, system} = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  gauge('isthmus_heap_used_bytes', 'Memory that JavaScript objects take.', () => process.memoryUsage().heapUsed)
  gauge('isthmus_time_seconds', "Time by the gateway's clock, seconds since 1970.", () => Date.now() / 1000)
  const lag = new Histogram({
    name: 'isthmus_event_loop_lag_seconds',
    help: 'How late a timer of the process was, looked at ten times a second.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  })
  return {
    /** Looks until the signal is aborted; keeps no process alive. */
    watchLoop(signal: AbortSignal): void {
      let dueMs = performance.now() + LOOK_MS
      const timer = setInterval(() => {
        const nowMs = performance.now()
        lag.observe(Math.max(0, nowMs - dueMs) / 1000)
        dueMs = nowMs + LOOK_MS
      }, LOOK_MS).unref()
      signal.addEventListener('abort', () => clearInterval(timer), {once: true})
    },
  }
}

const startedAt = (): number => performance.timeOrigin / 1000
