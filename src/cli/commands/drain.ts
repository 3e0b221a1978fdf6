import {Command} from 'commander'
import {type CliContext, EXIT, explain} from '../context.ts'
import type {Finish} from '../run-cli.ts'

/** `isthmus drain` and `undrain`: traffic leaves a gateway before it is taken away, and comes back after. */
export function drainCommand(context: CliContext, finish: Finish, on: boolean): Command {
  return new Command(on ? 'drain' : 'undrain')
    .description(on ? 'ask everybody to use another way than this gateway' : 'ask for traffic again')
    .action(async (_options: unknown, command: Command) => {
      const socketPath: string = command.optsWithGlobals().socket
      const answer = await context.api(socketPath).drain(on)
      if (!answer.ok) return finish(explain(context, socketPath, answer))
      const {drainingSince} = answer.value
      const words = drainingSince === null ? 'not draining' : `draining since ${drainingSince}, also after a restart`
      context.out(`${words}\n`)
      finish(EXIT.fine)
    })
}
