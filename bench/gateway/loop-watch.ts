// Preloaded into the daemon (`--import`): how long its event loop was held up, and how much memory it took.
import {monitorEventLoopDelay} from 'node:perf_hooks'

const RESOLUTION_MS = 2
const delays = monitorEventLoopDelay({resolution: RESOLUTION_MS})
delays.enable()

export interface LoopReport {
  readonly blockMs: number
  readonly rssMib: number
  /** Of all threads, since the start. */
  readonly cpuMs: number
}

process.on('message', (wanted) => {
  if (wanted === 'reset') delays.reset()
  const {user, system} = process.cpuUsage()
  const report: LoopReport = {
    blockMs: Math.max(0, delays.max / 1e6 - RESOLUTION_MS),
    rssMib: process.resourceUsage().maxRSS / 1024,
    cpuMs: (user + system) / 1000,
  }
  process.send?.(report)
})
