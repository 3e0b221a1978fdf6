import {slowness} from '../environment.ts'
import type {Check, Step} from '../scenario/schema.ts'
import type {World} from '../world.ts'
import {makeHappen} from './events.ts'
import {lookCapture, lookExec, lookMetric, lookRoutes, lookStatus} from './observations.ts'
import {lookMatrix, lookPing, lookTcp} from './probes.ts'
import {lookUntil, type Result, type Seen} from './result.ts'
import {runDuring} from './traffic.ts'

export function look(world: World, check: Check): Promise<Seen> {
  if ('ping' in check) return lookPing(world, check)
  if ('tcp' in check) return lookTcp(world, check)
  if ('matrix' in check) return lookMatrix(world, check)
  if ('capture' in check) return lookCapture(world, check)
  if ('routes' in check) return lookRoutes(world, check)
  if ('metric' in check) return lookMetric(world, check)
  if ('status' in check) return lookStatus(world, check)
  return lookExec(world, check)
}

async function runCheck(world: World, check: Check): Promise<Result> {
  const withinMs = ('withinMs' in check ? (check.withinMs ?? 0) : 0) * slowness()
  return {name: check.name, ...(await lookUntil(() => look(world, check), withinMs))}
}

/** Every step in its order. A step that cannot be made is a failed check, and the rest goes on. */
export async function runSteps(
  world: World,
  steps: readonly Step[],
  dir: string,
  onResult: (result: Result) => void,
): Promise<readonly Result[]> {
  const results: Result[] = []
  const add = (result: Result): void => {
    results.push(result)
    onResult(result)
  }
  for (const step of steps) {
    const name =
      'check' in step ? step.check.name : 'during' in step ? step.during.name : `event ${JSON.stringify(step.event)}`
    try {
      if ('check' in step) add(await runCheck(world, step.check))
      else if ('during' in step) add({name, ...(await runDuring(world, step.during, dir))})
      else await makeHappen(world, step.event, dir)
    } catch (error) {
      add({name, ok: false, detail: error instanceof Error ? error.message : String(error)})
    }
  }
  return results
}
