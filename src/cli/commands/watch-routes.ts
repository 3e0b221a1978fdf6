import {access, constants} from 'node:fs/promises'
import {Command} from 'commander'
import {watchRoutes} from '../../takeover/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

/** `isthmus watch-routes`: has a cloud's route table point at the gateway that can carry; runs beside the daemon. */
export function watchRoutesCommand(context: CliContext, finish: Finish): Command {
  return new Command('watch-routes')
    .description("have a cloud's route table point at the gateway of the two that can carry")
    .option('--config <file>', 'the configuration', DEFAULT_CONFIG)
    .action(async ({config: file}: {config: string}) => {
      const {config} = await readGatewayConfig(file)
      const table = config?.routeTable
      if (!config || !table) {
        const what = config ? 'names no `routeTable`' : 'is not valid: `isthmus check` says why'
        context.err(`${file} ${what}\n`)
        return finish(EXIT.usage)
      }
      const [program] = table.command
      if (!(await isExecutable(program))) {
        context.err(`${file}: routeTable.command[0]: ${program} is no file that can be executed\n`)
        return finish(EXIT.usage)
      }
      const end = new AbortController()
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end.abort())
      const tell = (event: Readonly<Record<string, unknown>>): void =>
        context.err(`${JSON.stringify({time: new Date(context.clock.nowMs()).toISOString(), ...event})}\n`)
      try {
        await watchRoutes({config, table, signal: end.signal, tell})
      } catch (error) {
        context.err(`routeTable.listen: ${(error as Error).message}\n`)
        return finish(EXIT.finding)
      }
      finish(EXIT.fine)
    })
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
