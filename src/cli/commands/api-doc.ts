import {Command} from 'commander'
import {type CliContext, EXIT, explain} from '../context.ts'
import type {Finish} from '../run-cli.ts'

/** `isthmus api-doc`: what the gateway's API is, for programs that are made from it. */
export function apiDocCommand(context: CliContext, finish: Finish): Command {
  return new Command('api-doc')
    .description("the gateway's API as an OpenAPI document")
    .action(async (_options: unknown, command: Command) => {
      const socketPath: string = command.optsWithGlobals().socket
      const answer = await context.api(socketPath).openApi()
      if (!answer.ok) return finish(explain(context, socketPath, answer))
      context.out(`${JSON.stringify(answer.value, null, 2)}\n`)
      finish(EXIT.fine)
    })
}
