import {existsSync} from 'node:fs'
import path from 'node:path'
import type {ScrapeFigures} from '../federation/federation-plan.ts'
import {DAEMON, inNamespace, PROCESS} from '../federation.bench.ts'
import {type BenchOptions, type BenchResult, medianOf, quantile} from '../result.ts'

const SITES = 10
const UPLINKS = 10
const ENDPOINTS = {full: 100_000, quick: 1000}

/** What a scrape costs at a million endpoints and a hundred tunnels (ten uplinks, ten sites): the whole daemon, real etcds, a real kernel. */
export async function scrape({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  if (!existsSync(DAEMON))
    throw new Error(`${path.relative(process.cwd(), DAEMON)} is not there: \`npm run build\` makes it`)
  const endpoints = quick ? ENDPOINTS.quick : ENDPOINTS.full
  const figures = await inNamespace<{scrape: ScrapeFigures}>(PROCESS, {
    ...{sites: SITES, endpoints, policies: 500, uplinks: UPLINKS, churnEvents: 0, perSecond: 0},
  })
  const {ms, bytes, tunnels} = figures.scrape
  return [
    {name: 'metrics/scrape-ms', ...medianOf(ms), unit: 'ms', goal: '<=50'},
    {name: 'metrics/scrape-p95-ms', value: quantile(ms, 0.95), unit: 'ms'},
    {name: 'metrics/mb', value: bytes / 1e6, unit: 'MB', goal: '<=2'},
    {name: 'metrics/endpoints', value: SITES * endpoints, unit: ''},
    {name: 'metrics/tunnels', value: tunnels, unit: '', goal: `>=${SITES * UPLINKS}`},
  ]
}
