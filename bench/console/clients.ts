import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import path from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {waitUntilJoined} from '../../lab/joined.ts'
import {loadScenario} from '../../lab/scenario/load.ts'
import {startWorld} from '../../lab/world.ts'
import {startEndpointEvents} from '../endpoint-events.ts'
import {pairedRatio, type Round} from '../paired-ratio.ts'
import {type BenchOptions, type BenchResult, quantile} from '../result.ts'

const SCENARIO = path.resolve(import.meta.dirname, '../../lab/scenarios/three-sites-direct.yaml')
const CLIENTS = 50
const ROUNDS = {quick: 2, usual: 24}
const EVENTS = {quick: 20, usual: 250}
const SETTLE_MS = 1500
const PROCESS = path.join(import.meta.dirname, 'event-clients.ts')

/**
 * Whether consoles that watch delay the way of an endpoint into the kernel: the same events at one gateway, with fifty that
 * watch it and with none, in turns, so that both have the same neighbours and the same machine.
 *
 * p99 of some hundred events is a handful of them: one bad second of a shared machine, if it falls on one side, once made this
 * 6.7, and 1.0 the next time. So each side comes first as often as the other, both are warm before anything counts, whoever
 * comes or goes has done so before it is measured, and the ratio has an interval over rounds. `noise` is what two halves of the
 * rounds without clients make of each other: where that is wide too, the machine is not quiet enough to say anything.
 */
export async function clients({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const {scenario, dir} = loadScenario(SCENARIO)
  const world = await startWorld(scenario, dir, (line) => console.error(line))
  try {
    await waitUntilJoined(world)
    const events = await startEndpointEvents(world)
    const count = quick ? EVENTS.quick : EVENTS.usual
    let told = 0
    const without = async (): Promise<number[]> => {
      await delay(SETTLE_MS)
      return (await events.measure(count)).own
    }
    const beside = async (): Promise<number[]> => {
      const watching = await startClients(path.join(world.dirOf('a1'), 'api.sock'))
      // That they come, all at once, is another matter than that they are there.
      await delay(SETTLE_MS)
      const {own} = await events.measure(count)
      told += await endClients(watching)
      return own
    }
    try {
      for (const warm of [without, beside]) await warm()
      told = 0
      const rounds: Round[] = []
      for (let round = 0; round < (quick ? ROUNDS.quick : Number(process.env.ROUNDS ?? ROUNDS.usual)); round++) {
        if (round % 2 === 0) rounds.push({without: await without(), beside: await beside()})
        else rounds.push({beside: await beside(), without: await without()})
        console.error(`round ${round + 1}`)
      }
      return results(rounds, told)
    } finally {
      events.close()
    }
  } finally {
    await world.stop()
  }
}

function results(rounds: readonly Round[], told: number): BenchResult[] {
  const name = `clients-${CLIENTS}/event-latency`
  const all = (side: keyof Round): number[] => rounds.flatMap((round) => round[side])
  const halves = Array.from({length: Math.floor(rounds.length / 2)}, (_, pair) => ({
    without: rounds[2 * pair]!.without,
    beside: rounds[2 * pair + 1]!.without,
  }))
  return [
    {name: `${name}/without-p99-ms`, value: quantile(all('without'), 0.99), unit: 'ms'},
    {name: `${name}/with-p99-ms`, value: quantile(all('beside'), 0.99), unit: 'ms'},
    {name: `${name}/p50-ratio`, ...pairedRatio(rounds, 0.5), unit: ''},
    {name: `${name}/noise`, ...pairedRatio(halves, 0.99), unit: ''},
    {name: `${name}/ratio`, ...pairedRatio(rounds, 0.99), unit: '', goal: '<=1.2'},
    {name: `clients-${CLIENTS}/events-received`, value: told, unit: ''},
  ]
}

/**
 * In a process of its own, which runs only while nobody else wants to: on a gateway's machine there are no consoles, and their
 * reading must not take a core from the daemon. That they kept up shows in how many events they had.
 */
async function startClients(socketPath: string): Promise<ChildProcess> {
  const child = spawn('chrt', ['--idle', '0', process.execPath, PROCESS, socketPath, String(CLIENTS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout!, 'data')
  return child
}

async function endClients(child: ChildProcess): Promise<number> {
  const told = once(child.stdout!, 'data')
  child.kill('SIGTERM')
  const [text] = await told
  return Number(String(text).trim())
}
