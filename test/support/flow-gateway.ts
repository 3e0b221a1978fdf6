// A gateway of `flow-worlds.ts` as a process in its namespace: the real driver, told over IPC what to bring into force.
// Arguments: its half of the generation's numbers, and the time by which it takes the first of them.
import {createFastPath, createNftDriver, type GenerationHalf} from '../../src/apply/index.ts'
import {createEnforcer, ONE_WAY, START, withoutWeb} from './flow-worlds.ts'

const WORLDS = {allowed: START, denied: withoutWeb(START), 'one way': ONE_WAY}

/** What may be asked; `at least` is a generation to come to. */
export type GatewayOrder =
  | {readonly do: 'enforce'; readonly world: keyof typeof WORLDS}
  | {readonly do: 'raise'; readonly atLeast: number}
  | {readonly do: 'look'}

export interface GatewayAnswer {
  readonly generation: number
  /** Packets that its policy has refused. */
  readonly denied: number
  readonly error?: string
}

const half: GenerationHalf = process.argv[2] === 'odd' ? 'odd' : 'even'
const atMs = Number(process.argv[3])
const driver = createNftDriver({half: () => half, nowMs: () => atMs, fastPath: createFastPath()})
const enforce = createEnforcer(driver, {fastPath: true})

async function obey(order: GatewayOrder): Promise<GatewayAnswer> {
  if (order.do === 'enforce') await enforce(WORLDS[order.world])
  if (order.do === 'raise') while (driver.generation() < order.atLeast) await driver.raiseGeneration()
  const counters = [...(await driver.readCounters())].filter(([name]) => name.startsWith('deny_'))
  return {generation: driver.generation(), denied: counters.reduce((sum, [, {packets}]) => sum + packets, 0)}
}

process.on('message', (order: GatewayOrder) => {
  obey(order).then(
    (answer) => process.send?.(answer),
    (error) => process.send?.({generation: 0, denied: 0, error: String(error)}),
  )
})
process.on('disconnect', () => process.exit())
process.send?.({generation: 0, denied: 0})
