import {access, constants, stat} from 'node:fs/promises'
import {Command} from 'commander'
import {watchRoutes} from '../../takeover/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'
import {untilTold} from '../until-told.ts'

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
      const fault = await faultOf(table.command[0])
      if (fault !== null) {
        context.err(`${file}: routeTable.command[0]: ${table.command[0]} ${fault}\n`)
        return finish(EXIT.usage)
      }
      const tell = (event: Readonly<Record<string, unknown>>): void =>
        context.err(`${JSON.stringify({time: new Date(context.clock.nowMs()).toISOString(), ...event})}\n`)
      try {
        await untilTold((signal) => watchRoutes({config, table, signal, tell}))
      } catch (error) {
        context.err(`routeTable.listen: ${(error as Error).message}\n`)
        return finish(EXIT.finding)
      }
      finish(EXIT.fine)
    })
}

/** Why a program is not to be run, mostly as root, whenever a gateway fails. */
async function faultOf(program: string): Promise<string | null> {
  try {
    await access(program, constants.X_OK)
    const found = await stat(program)
    if (!found.isFile()) return 'is no file'
    return (found.mode & 0o002) === 0 ? null : 'can be written by everybody: `chmod o-w` it'
  } catch (error) {
    return `cannot be executed: ${(error as Error).message}`
  }
}
