import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {GatewayConfig, NftTable} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {rounds} from '../policy/forwarding.ts'
import {NEAR_SIDE, tableScript} from '../policy/gateway-table.ts'
import {createRouterBed} from '../policy/router-bed.ts'
import {FULL_SIZE} from '../policy/workload.ts'
import {type BenchOptions, type BenchResult, medianOf} from '../result.ts'
import {type GatewayEnd, planPair, twoRouters} from './gateway-pair.ts'
import {check, prepareFlows} from './through-gateways.ts'

/** What a packet is looked at for does not depend on them; the table is quick to load. */
const POLICIES = 100
const SCALE = {rounds: 16, flows: 1_000}
const QUICK = {rounds: 3, flows: 100}
const [WHOLE, TRACKED, TWIN] = ['whole', 'tracked', 'twin']

const twinConfig = (): Partial<GatewayConfig> => ({
  twin: 'a2' as GatewayConfig['twin'],
  lan: {device: NEAR_SIDE, address: '198.51.100.1' as Address, twin: '198.51.100.3' as Address, watch: []},
})

/** What untracked outer packets spare, and the twin's look for a way costs, a packet between two gateways, as differences of the time that it takes. */
export async function lookCosts({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const scale = quick ? QUICK : SCALE
  const {compiled, frames} = prepareFlows({...FULL_SIZE, ...scale, policies: POLICIES})
  const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-bench-'))
  const bed = createRouterBed()
  try {
    const pair = await planPair('vxlan', folder)
    const add = (name: string, ends: typeof pair, change: (table: NftTable) => NftTable): void => {
      const load = ({run}: {run: (command: string, input: string) => string}, end: GatewayEnd): void => {
        run('nft -f -', tableScript(change(end.table(compiled, false)), {judged: false, devices: end.devices}))
      }
      bed.addWay(name, frames, twoRouters(bed, ends, {tunnelled: true, load}))
    }
    add(WHOLE!, pair, (table) => table)
    add(TRACKED!, pair, (table) => ({...table, chains: tracked(table.chains)}))
    add(TWIN!, await planPair('vxlan', folder, twinConfig), (table) => table)
    await check(bed, scale.flows, new Set(bed.names))
    const rates = await rounds(bed, scale)
    const nanoseconds = (name: string, more: string, less: string): BenchResult => {
      const [above, below] = [rates.get(more)!, rates.get(less)!]
      return {name, ...medianOf(above.map((rate, round) => 1e9 / rate - 1e9 / below[round]!)), unit: 'ns'}
    }
    return [
      {name: 'looks/whole/ns-per-packet', ...medianOf(rates.get(WHOLE!)!.map((rate) => 1e9 / rate)), unit: 'ns'},
      nanoseconds('looks/outer-tracked/ns-per-packet', TRACKED!, WHOLE!),
      nanoseconds('looks/twin/ns-per-packet', TWIN!, WHOLE!),
    ]
  } finally {
    bed.close()
    rmSync(folder, {recursive: true})
  }
}

/** As if nothing were `notrack`. */
function tracked(chains: NftTable['chains']): NftTable['chains'] {
  const own = new Map(chains)
  if (!own.delete('outer_in')) throw new Error('the bench is wrong: nothing is untracked')
  const output = own.get('output')!
  return own.set('output', {...output, rules: output.rules.map((rule) => rule.replace(' notrack', ''))})
}
