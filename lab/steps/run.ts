import type {Step} from '../scenario/schema.ts'
import type {World} from '../world.ts'
import {makeHappen} from './events.ts'
import {runCheck} from './look.ts'
import type {Result} from './result.ts'
import {runDuring} from './traffic.ts'

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
      if ('check' in step) add({name, ...(await runCheck(world, step.check))})
      else if ('during' in step) add({name, ...(await runDuring(world, step.during, dir))})
      else await makeHappen(world, step.event, dir)
    } catch (error) {
      add({name, ok: false, detail: error instanceof Error ? error.message : String(error)})
    }
  }
  return results
}
