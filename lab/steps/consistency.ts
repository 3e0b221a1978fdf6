import {join} from 'node:path'
import {CLI} from '../gateway-daemon.ts'
import {type CommandResult, command, inNamespace} from '../processes.ts'
import type {Check} from '../scenario/schema.ts'
import type {World} from '../world.ts'
import type {Seen} from './result.ts'

type Consistent = Extract<Check, {consistent: unknown}>

/** As an operator asks: at each gateway, whether its kernel is what all etcds say. */
export async function lookConsistent(world: World, {consistent, expect}: Consistent): Promise<Seen> {
  const refs =
    consistent.gateway === 'all' ? world.plan.gateways.map(({site, name}) => `${site}/${name}`) : [consistent.gateway]
  const answers: (CommandResult & {ref: string})[] = []
  // 1 is a difference; anything else did not compare.
  const wanted = expect === 'yes' ? 0 : 1
  // One after the other, and no further than the first that is not as expected: all at once they starve each other.
  for (const ref of refs) {
    const {namespace, name} = world.gateway(ref)
    const diagnose = [process.execPath, CLI, 'diagnose', '--consistency', '--config']
    const answer = await command(inNamespace(namespace, ...diagnose, join(world.dirOf(name), 'gateway.yaml')))
    answers.push({ref, ...answer})
    if (answer.status !== wanted) break
  }
  const wrong = answers.filter(({status}) => status !== wanted)
  const words = (wrong.length > 0 ? wrong : answers).map(({ref, status, stdout, stderr}) => {
    const said = (status === 0 ? stdout : `${stdout}${stderr}`).trim().replaceAll(/\s*\n\s*/g, ' | ')
    return `${ref}: ${said.slice(0, status === 0 ? 100 : 3000)}`
  })
  return {ok: wrong.length === 0, detail: words.join('; ')}
}
