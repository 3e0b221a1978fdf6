import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import path from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {waitUntilJoined} from '../../lab/joined.ts'
import {loadScenario} from '../../lab/scenario/load.ts'
import {startWorld} from '../../lab/world.ts'
import {startEndpointEvents} from '../endpoint-events.ts'
import {type BenchOptions, type BenchResult, quantile} from '../result.ts'

const SCENARIO = path.resolve(import.meta.dirname, '../../lab/scenarios/three-sites-direct.yaml')
const CLIENTS = 50
const SETTLE_MS = 1500
const PROCESS = path.join(import.meta.dirname, 'event-clients.ts')

/**
 * Whether consoles that watch delay the way of an endpoint into the kernel: the same events at one gateway, with fifty that
 * watch it and with none, in turns, so that both have the same neighbours and the same machine.
 */
export async function clients({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const {scenario, dir} = loadScenario(SCENARIO)
  const world = await startWorld(scenario, dir, (line) => console.error(line))
  try {
    await waitUntilJoined(world)
    const events = await startEndpointEvents(world)
    try {
      await events.measure(20)
      const [without, beside]: [number[], number[]] = [[], []]
      let told = 0
      for (let turn = 0; turn < (quick ? 1 : 6); turn++) {
        without.push(...(await events.measure(quick ? 40 : 100)).own)
        const watching = await startClients(path.join(world.dirOf('a1'), 'api.sock'))
        beside.push(...(await events.measure(quick ? 40 : 100)).own)
        told += await endClients(watching)
      }
      const name = `clients-${CLIENTS}/event-latency`
      const p99 = (sample: readonly number[]): number => quantile(sample, 0.99)
      return [
        {name: `${name}/without-p99-ms`, value: p99(without), unit: 'ms'},
        {name: `${name}/with-p99-ms`, value: p99(beside), unit: 'ms'},
        {name: `${name}/p50-ratio`, value: quantile(beside, 0.5) / quantile(without, 0.5), unit: ''},
        {name: `${name}/ratio`, value: p99(beside) / p99(without), unit: '', goal: '<=1.2'},
        {name: `clients-${CLIENTS}/events-received`, value: told, unit: ''},
      ]
    } finally {
      events.close()
    }
  } finally {
    await world.stop()
  }
}

/** In a process of its own: reading must not cost those who measure. */
async function startClients(socketPath: string): Promise<ChildProcess> {
  const child = spawn('nice', [process.execPath, PROCESS, socketPath, String(CLIENTS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout!, 'data')
  // That they come, all at once, is another matter than that they are there.
  await delay(SETTLE_MS)
  return child
}

async function endClients(child: ChildProcess): Promise<number> {
  const told = once(child.stdout!, 'data')
  child.kill('SIGTERM')
  const [text] = await told
  return Number(String(text).trim())
}
