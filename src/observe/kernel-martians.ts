import {readFile} from 'node:fs/promises'
import {ifMissing} from '../model/index.ts'

const COLUMN = 'in_martian_src'

/**
 * IPv4 packets that the kernel dropped before any rule, since nobody can have sent them from where they came (this network,
 * loopback, multicast, the machine's own addresses); of the whole machine, whatever the namespace.
 */
export const readKernelMartians = async (): Promise<number> =>
  parseRouteStatistics(await readFile('/proc/net/stat/rt_cache', 'utf8').catch(ifMissing('')))

/** A line of names, then one line of hexadecimal values for each processor, each counted to 2³² and then from 0. */
export function parseRouteStatistics(text: string): number {
  const [names, ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  const column = names!.indexOf(COLUMN)
  return column < 0 ? 0 : rows.reduce((sum, row) => sum + Number.parseInt(row[column] ?? '0', 16), 0)
}
