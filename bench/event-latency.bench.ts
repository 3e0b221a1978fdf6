import path from 'node:path'
import {waitUntilJoined} from '../lab/joined.ts'
import {loadScenario} from '../lab/scenario/load.ts'
import {startWorld} from '../lab/world.ts'
import {startEndpointEvents} from './endpoint-events.ts'
import {type BenchResult, quantile} from './result.ts'

const SCENARIO = path.resolve(import.meta.dirname, '../lab/scenarios/three-sites-direct.yaml')
const EVENTS = 300
const WARM_UP = 20

/**
 * From the moment an endpoint's put is sent to the site's etcd to its element in the kernel, at its own gateway and at
 * a remote one (which learns of it by the export). The etcd's own write is inside, so the figure is an upper bound.
 */
export async function bench(): Promise<readonly BenchResult[]> {
  const {scenario, dir} = loadScenario(SCENARIO)
  const world = await startWorld(scenario, dir, (line) => console.error(line))
  try {
    await waitUntilJoined(world)
    const events = await startEndpointEvents(world)
    try {
      await events.measure(WARM_UP)
      const {own, remote} = await events.measure(EVENTS)
      return [...distribution('etcd-to-kernel', own, '<=50'), ...distribution('etcd-to-remote-kernel', remote)]
    } finally {
      events.close()
    }
  } finally {
    await world.stop()
  }
}

/** p99 carries the goal, where there is one. */
function distribution(name: string, sample: readonly number[], goal?: string): BenchResult[] {
  const result = (at: string, q: number): BenchResult => ({
    name: `${name}/${at}`,
    value: quantile(sample, q),
    unit: 'ms',
  })
  return [
    result('min', 0),
    result('p50', 0.5),
    result('p90', 0.9),
    {...result('p99', 0.99), ...(goal ? {goal} : {})},
    result('max', 1),
  ]
}
