import type {BenchOptions, BenchResult} from './result.ts'
import {failover} from './tunnel/failover.ts'
import {lookCosts} from './tunnel/look-costs.ts'
import {throughGateways} from './tunnel/through-gateways.ts'
import {twoUplinks} from './tunnel/two-uplinks.ts'
import {wanRoutes} from './tunnel/wan-routes.ts'

const PARTS: Readonly<Record<string, (options: BenchOptions) => Promise<readonly BenchResult[]>>> = {
  forwarding: throughGateways,
  looks: lookCosts,
  ecmp: twoUplinks,
  bgp: wanRoutes,
  failover,
}

/** What tunnels cost, and how long it takes where one of two gateways is lost. docs/performance.md says how it is taken. */
export async function bench(options: BenchOptions): Promise<readonly BenchResult[]> {
  const {only} = options
  if (only !== null && !(only in PARTS)) throw new Error(`no part ${only}; there are: ${Object.keys(PARTS).join(', ')}`)
  const results: BenchResult[] = []
  for (const [name, part] of Object.entries(PARTS)) {
    if (only !== null && only !== name) continue
    console.error(`tunnel: ${name}`)
    results.push(...(await part(options)))
  }
  return results
}
