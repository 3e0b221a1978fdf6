import {type Flow, prepareTracer} from '../../src/policy/index.ts'
import {type BenchOptions, type BenchResult, quantile} from '../result.ts'
import {DEFAULT} from './gateway-table.ts'
import {seededRandom} from './random.ts'
import {FULL_SIZE, UDP_PORTS, workloadOf} from './workload.ts'

const SEED = 11
const ONE_BY_ONE = 2_000
const MILLION = 1_000_000

/** Answers without a packet: each flow alone, and a file's worth of lines from text to text, after the World is loaded. */
export async function traceCost({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const {world, endpoints} = workloadOf(FULL_SIZE)
  const random = seededRandom(SEED)
  const flow = (): Flow => ({
    from: random.pick(endpoints).address,
    to: random.pick(endpoints).address,
    protocol: random.chance(0.5) ? 'tcp' : 'udp',
    port: random.chance(0.5) ? random.pick(UDP_PORTS) : 443,
  })
  const beganMs = performance.now()
  const tracer = prepareTracer(world, DEFAULT)
  const preparedMs = performance.now() - beganMs
  // Classes are looked into when first asked for: the first thousands of flows pay for it, and are all counted here.
  const single = Array.from({length: ONE_BY_ONE}, flow).map((one) => {
    const startMs = performance.now()
    tracer.trace(one)
    return performance.now() - startMs
  })
  const lines = Array.from({length: quick ? MILLION / 100 : MILLION}, () => JSON.stringify(flow()))
  const startMs = performance.now()
  let [allowed, bytes] = [0, 0]
  for (const line of lines) {
    const traced = tracer.trace(JSON.parse(line) as Flow)
    if (!traced.ok) throw new Error(`the bench is wrong: ${traced.message}`)
    if (traced.line.verdict === 'allow') allowed++
    bytes += JSON.stringify(traced.line).length
  }
  const seconds = ((performance.now() - startMs) / 1000) * (MILLION / lines.length)
  if (bytes === 0) throw new Error('no answers')
  return [
    {name: 'trace/prepare-seconds', value: preparedMs / 1000, unit: 's'},
    {name: 'trace/one-ms', value: quantile(single, 0.99), unit: 'ms', goal: '<=1'},
    {name: 'trace/one/p50-ms', value: quantile(single, 0.5), unit: 'ms'},
    {name: 'trace/million-flows/seconds', value: seconds, unit: 's', goal: '<=20'},
    {name: 'trace/million-flows/allowed', value: allowed / lines.length, unit: 'share'},
  ]
}
