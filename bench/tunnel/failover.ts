import {join} from 'node:path'
import {waitUntilJoined} from '../../lab/joined.ts'
import {loadScenario} from '../../lab/scenario/load.ts'
import {makeHappen} from '../../lab/steps/events.ts'
import {measureDuring} from '../../lab/steps/traffic.ts'
import {startWorld} from '../../lab/world.ts'
import {type BenchOptions, type BenchResult, quantile} from '../result.ts'

const SCENARIO = join(import.meta.dirname, '../../lab/scenarios/ha-pair.yaml')
const ROUNDS = {full: 20, quick: 1}
const GOAL = '<=500'
/** What costs less took nothing away: the flow was not where the cut was. */
const LEAST_MS = 50

const SETTLE_MS = 1500
/** The end of the name of a step that ends the cut before it. */
const BACK = ', and back'

const tell = (line: string): void => void process.stderr.write(`${line}\n`)

/**
 * How long a flow of a datagram a millisecond, each answered, stands still when something of the gateway on its way is lost: the
 * longest gap of either direction. The cases are those of scenario ha-pair that may have a gap, one after the other,
 * and all of them again in each round; `CASES`, an expression, names some of them, `ROUNDS` how many times.
 */
export async function failover({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const {scenario, dir} = await loadScenario(SCENARIO)
  const world = await startWorld(scenario, dir, tell)
  const gaps = new Map<string, number[]>()
  try {
    await waitUntilJoined(world)
    const some = new RegExp(process.env.CASES ?? '')
    const names = new Set(scenario.steps.flatMap((step) => ('during' in step ? [step.during.name] : [])))
    const rounds = quick ? ROUNDS.quick : Number(process.env.ROUNDS ?? ROUNDS.full)
    for (let round = 1; round <= rounds; round++) {
      for (const step of scenario.steps) {
        if ('event' in step) await makeHappen(world, step.event, dir)
        if (!('during' in step)) continue
        const {name, events, expect} = step.during
        if (!some.test(name)) continue
        if (name.endsWith(BACK)) for (const event of events) await makeHappen(world, event, dir)
        // What nothing ends alone would still be there in the next round.
        if (expect.gapMs === undefined || !names.has(name + BACK)) continue
        const {gapMs, losses, stretches, flows} = await measureDuring(world, {...step.during, settleMs: SETTLE_MS}, dir)
        const lost = losses.map((loss) => loss.lost).join(', ')
        const when = stretches.map((some) => some.join(', ')).join('; ')
        tell(`${round} ${name}: ${gapMs} ms, ${lost} lost (${when}), ${flows?.failed} new flows late`)
        if (gapMs < LEAST_MS) tell(`${name}: does not count, since nothing was lost`)
        else gaps.set(name, [...(gaps.get(name) ?? []), gapMs])
      }
    }
  } finally {
    await world.stop()
  }
  return [...gaps].flatMap(([name, sample]): BenchResult[] => {
    const base = `failover/${name.replaceAll(' ', '-')}`
    return [
      {name: `${base}/p50-ms`, value: quantile(sample, 0.5), unit: 'ms'},
      {name: `${base}/max-ms`, value: Math.max(...sample), unit: 'ms', goal: GOAL},
      {name: `${base}/runs`, value: sample.length, unit: 'runs'},
    ]
  })
}
