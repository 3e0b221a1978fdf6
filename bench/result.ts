import {readFileSync} from 'node:fs'

/** Where a bench ran. Figures of an emulated CPU (`tcg`) are information and carry no goal. */
export type Environment = 'direct' | 'kvm' | 'tcg'

export interface BenchResult {
  readonly name: string
  readonly value: number
  /** 95 % interval, where the figure is of repeated rounds. */
  readonly low?: number
  readonly high?: number
  readonly unit: string
  /** `>=0.9` or `<=50`; met when the interval's worse end meets it. */
  readonly goal?: string
}

/** One `bench/NAME.bench.ts` exports this as `bench`. What it tells on the way goes to stderr. */
export type Bench = (options: BenchOptions) => Promise<readonly BenchResult[]>

export interface BenchOptions {
  /** Name of the one part to run; null: all. */
  readonly only: string | null
  /** Few rounds, to try whether it runs: such figures say nothing. */
  readonly quick: boolean
}

/** The VM's runner says what accelerates it; a TCG processor shows by its name. */
export function currentEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const said = env.ISTHMUS_ENVIRONMENT
  if (said === 'kvm' || said === 'tcg') return said
  return /QEMU TCG/.test(readFileSync('/proc/cpuinfo', 'utf8')) ? 'tcg' : 'direct'
}

/** null: no goal, or none that counts here. */
export function meetsGoal({value, low, high, goal}: BenchResult, environment: Environment): boolean | null {
  const match = /^(?<sign>[<>])=(?<bound>\d+(?:\.\d+)?)$/.exec(goal ?? '')
  if (goal !== undefined && !match) throw new Error(`not a goal: ${goal}`)
  if (!match?.groups || environment === 'tcg') return null
  const bound = Number(match.groups.bound)
  return match.groups.sign === '>' ? (low ?? value) >= bound : (high ?? value) <= bound
}

/** The value below which the share `q` of the sample lies (nearest rank). */
export function quantile(sample: readonly number[], q: number): number {
  if (sample.length === 0) throw new Error('no sample')
  const sorted = [...sample].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!
}

/** Median of rounds with its 95 % interval by order statistics: no distribution is assumed. */
export function medianOf(rounds: readonly number[]): {
  readonly value: number
  readonly low: number
  readonly high: number
} {
  const sorted = [...rounds].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const value = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
  const reach = 0.98 * Math.sqrt(sorted.length)
  const low = sorted[Math.max(0, Math.floor(middle - reach))] ?? value
  const high = sorted[Math.min(sorted.length - 1, Math.ceil(middle + reach))] ?? value
  return {value, low, high}
}
