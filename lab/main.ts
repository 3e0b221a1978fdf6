import {readFileSync} from 'node:fs'
import {join, relative} from 'node:path'
import {parseArgs} from 'node:util'
import {LabBusy, refuseSecond} from './claim.ts'
import {environmentName, lacking} from './environment.ts'
import {CLI} from './gateway-daemon.ts'
import {waitUntilJoined} from './joined.ts'
import {command, inNamespace} from './processes.ts'
import {resultLine, verifyJson} from './report.ts'
import {ScenarioRefused} from './scenario/refused.ts'
import type {Scenario} from './scenario/schema.ts'
import {runSteps} from './steps/run.ts'
import {runInVm, SCENARIO_INSIDE, VmMissing} from './vm/index.ts'
import {cleanUp, LAB_DIR, startWorld, type World} from './world.ts'

/**
 * The lab: builds a scenario of real parts, then either checks it (`--verify`) or stays up for a person to try.
 * Exit status: 0 all checks hold; 1 one does not; 2 wrong usage, or a machine that cannot run it.
 */
const USAGE = `usage: lab [--scenario FILE] [--verify [-o table|json]]
`
const BUILT_IN = join(import.meta.dirname, 'scenarios', 'three-sites.yaml')

interface Arguments {
  readonly file: string
  readonly verify: boolean
  readonly output: 'table' | 'json'
  readonly inVm: boolean
}

function parse(args: string[]): Arguments | null {
  try {
    const {values} = parseArgs({
      args,
      options: {
        scenario: {type: 'string', default: BUILT_IN},
        verify: {type: 'boolean', default: false},
        output: {type: 'string', short: 'o', default: 'table'},
        'in-vm': {type: 'boolean', default: false},
      },
    })
    const {output} = values
    if (output !== 'table' && output !== 'json') throw new Error(`-o ${output}: table or json`)
    return {file: values.scenario, verify: values.verify, output, inVm: values['in-vm']}
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return null
  }
}

const tell = (line: string): void => void process.stderr.write(`${line}\n`)

const seconds = (began: number): string => ((performance.now() - began) / 1000).toFixed(1)

interface Loaded {
  readonly scenario: Scenario
  readonly dir: string
}

/** Imported late, for the VM: there its schema costs seconds to set up, and the host has read the files already. */
const load = async (file: string): Promise<Loaded> => (await import('./scenario/load.ts')).loadScenario(file)

const handedOver = (): Loaded => JSON.parse(readFileSync(SCENARIO_INSIDE, 'utf8')) as Loaded

async function main(args: string[]): Promise<number> {
  const options = parse(args)
  if (!options) return 2
  const loaded = options.inVm ? handedOver() : await load(options.file)
  const {scenario, dir} = loaded
  const missing = await lacking(scenario.needs)
  if (missing.length > 0) {
    if (options.inVm) throw new Error(`the VM's kernel has no ${missing.join(', ')}`)
    return runInVm(args, loaded, `This kernel has no ${missing.join(' and no ')}`)
  }
  refuseSecond(LAB_DIR)

  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve('interrupted'))
  })
  const began = performance.now()
  let world: World | null = null
  try {
    const work = (async (): Promise<number> => {
      world = await startWorld(scenario, dir, (line) => tell(`${seconds(began)} s  ${line}`))
      await waitUntilJoined(world)
      tell(`joined after ${seconds(began)} s`)
      if (!options.verify) return stay(world)
      const results = await runSteps(world, scenario.steps, dir, (result) => {
        if (options.output === 'table') process.stdout.write(`${resultLine(result)}\n`)
        else tell(resultLine(result))
      })
      const name = relative(process.cwd(), options.file)
      if (options.output === 'json') process.stdout.write(`${verifyJson(name, environmentName(), results)}\n`)
      const failed = results.filter(({ok}) => !ok).length
      tell(`${results.length} checks, ${failed} failed, ${seconds(began)} s in all`)
      return failed === 0 ? 0 : 1
    })()
    const end = await Promise.race([work, interrupted])
    return end === 'interrupted' ? 130 : end
  } finally {
    // A VM goes with all that is in it.
    if (!options.inVm) await cleanUp()
  }
}

/** Shows what stands and how to try it; ends by signal only. */
async function stay(world: World): Promise<number> {
  const [first] = world.plan.gateways
  const [from] = world.plan.pods
  const to = world.plan.pods.find(({site}) => site !== from?.site)
  if (first && from && to) {
    const socket = join(LAB_DIR, first.name, 'api.sock')
    const here = environmentName() === 'direct' ? '' : 'node_modules/.bin/node lab/exec.ts '
    const cli = `${here}node_modules/.bin/node ${relative(process.cwd(), CLI)} --socket ${socket}`
    const {stdout} = await command([process.execPath, CLI, '--socket', socket, 'status'])
    process.stdout.write(`${stdout}
Try it, in another terminal, as root, in this folder:
  ping     ${here}ip netns exec ${from.namespace} ping -c 3 ${to.address}
  status   ${cli} status
  trace    ${cli} policy trace --from ${from.address} --to ${to.address} --protocol tcp --port 80
  metrics  ${here}${inNamespace(first.namespace, 'curl', '-s', 'http://127.0.0.1:9633/metrics').join(' ')}
  files    ${LAB_DIR}/${first.name}: gateway.yaml, bird.conf, isthmus.log
The lab stays up until Ctrl-C.
`)
  }
  return new Promise(() => setInterval(() => undefined, 60_000))
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const expected = error instanceof ScenarioRefused || error instanceof VmMissing || error instanceof LabBusy
  tell(expected ? error.message : `the lab failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = expected ? 2 : 1
}
process.exit()
