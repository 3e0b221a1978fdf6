import {execFile} from 'node:child_process'
import path from 'node:path'
import {promisify} from 'node:util'
import {DAEMON_FLAGS} from '../../src/cli/daemon-flags.ts'
import type {CompileStatistics} from '../../src/policy/index.ts'
import {type BenchOptions, type BenchResult, medianOf} from '../result.ts'
import {FULL_SIZE, type WorkloadSize} from './workload.ts'

const PROCESS = path.resolve(import.meta.dirname, 'compile-process.ts')
const GROWTH = [1_000, 10_000, 100_000, 1_000_000] as const

export interface ColdCompile {
  readonly seconds: number
  /** The process at its largest, workload and runtime included. */
  readonly rssMib: number
  readonly statistics: CompileStatistics
  readonly findings: readonly string[]
}

/** From a World to the whole table, as a gateway does it at start, each time in a fresh process. */
export async function compileCost({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const rounds: ColdCompile[] = []
  for (let round = 0; round < (quick ? 1 : 10); round++) rounds.push(await coldCompile(FULL_SIZE))
  const {classes, verdictEntries, chains} = rounds[0]!.statistics
  const results: BenchResult[] = [
    {name: 'compile/cold/seconds', ...medianOf(rounds.map(({seconds}) => seconds)), unit: 's', goal: '<=3'},
    {name: 'compile/cold/rss-mib', ...medianOf(rounds.map(({rssMib}) => rssMib)), unit: 'MiB', goal: '<=600'},
    {name: 'classes', value: classes, unit: 'classes', goal: '>=500'},
    {name: 'verdict-entries', value: verdictEntries, unit: 'entries', goal: '>=50000'},
    {name: 'chains', value: chains, unit: 'chains'},
  ]
  for (const endpoints of quick ? GROWTH.slice(0, 2) : GROWTH) {
    const {seconds, rssMib} = await coldCompile({...FULL_SIZE, endpoints})
    results.push(
      {name: `compile/growth/${endpoints}-endpoints/seconds`, value: seconds, unit: 's'},
      {name: `compile/growth/${endpoints}-endpoints/rss-mib`, value: rssMib, unit: 'MiB'},
    )
  }
  for (const policies of quick ? [10] : [10, 100, 1_000]) {
    const {seconds, statistics} = await coldCompile({...FULL_SIZE, policies})
    results.push(
      {name: `compile/growth/${policies}-policies/seconds`, value: seconds, unit: 's'},
      {name: `compile/growth/${policies}-policies/verdict-entries`, value: statistics.verdictEntries, unit: 'entries'},
    )
  }
  if (!quick) {
    const {seconds, rssMib, findings} = await coldCompile({...FULL_SIZE, unrelated: true})
    results.push(
      {name: 'compile/unrelated-selectors/seconds', value: seconds, unit: 's'},
      {name: 'compile/unrelated-selectors/rss-mib', value: rssMib, unit: 'MiB', goal: '<=2048'},
      {name: 'compile/unrelated-selectors/findings', value: findings.length, unit: 'findings'},
    )
  }
  return results
}

async function coldCompile({policies, endpoints, attributeSets, unrelated}: WorkloadSize): Promise<ColdCompile> {
  const sizes = [policies, endpoints, attributeSets, unrelated ? 1 : 0].map(String)
  const {stdout} = await promisify(execFile)(process.execPath, [...DAEMON_FLAGS, PROCESS, ...sizes])
  return JSON.parse(stdout) as ColdCompile
}
