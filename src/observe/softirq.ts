import {readFile} from 'node:fs/promises'

/** Linux tells times in ticks of this many a second to all programs, whatever its own clock. */
const TICKS_A_SECOND = 100

/** Time that every processor spent on packets of the network, and other soft interrupts, by its number. */
export async function readSoftirqSeconds(): Promise<ReadonlyMap<string, number>> {
  return parseSoftirqSeconds(await readFile('/proc/stat', 'utf8'))
}

/** `cpuN user nice system idle iowait irq softirq …` (proc_stat(5)). */
export function parseSoftirqSeconds(stat: string): ReadonlyMap<string, number> {
  const rows = stat.matchAll(/^cpu(\d+)(?: \d+){6} (\d+)/gm)
  return new Map([...rows].map(([, cpu, ticks]) => [cpu!, Number(ticks) / TICKS_A_SECOND]))
}
