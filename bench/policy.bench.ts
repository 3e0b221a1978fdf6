import {changeCost} from './policy/change-cost.ts'
import {compileCost} from './policy/compile-cost.ts'
import {forwarding} from './policy/forwarding.ts'
import {traceCost} from './policy/trace-cost.ts'
import type {BenchOptions, BenchResult} from './result.ts'

const PARTS: Readonly<Record<string, (options: BenchOptions) => Promise<readonly BenchResult[]>>> = {
  compile: compileCost,
  change: changeCost,
  forwarding,
  trace: traceCost,
}

/** What global policy costs: to compile, to change, to pass packets, to ask. docs/performance.md says how it is taken. */
export async function bench(options: BenchOptions): Promise<readonly BenchResult[]> {
  const {only} = options
  if (only !== null && !(only in PARTS)) throw new Error(`no part ${only}; there are: ${Object.keys(PARTS).join(', ')}`)
  const results: BenchResult[] = []
  for (const [name, part] of Object.entries(PARTS)) {
    if (only !== null && only !== name) continue
    console.error(`policy: ${name}`)
    results.push(...(await part(options)))
  }
  return results
}
