import {Command, InvalidArgumentError} from 'commander'
import {type CliContext, EXIT, explain} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import type {Finish} from '../run-cli.ts'

const minutesOf = (text: string): number => {
  const minutes = Number(text)
  if (/^\d{1,2}$/.test(text) && minutes >= 1 && minutes <= 60) return minutes
  throw new InvalidArgumentError('from 1 to 60')
}

/** `isthmus login-token`: lets somebody look at the gateway from a browser, without a certificate. */
export function loginTokenCommand(context: CliContext, finish: Finish): Command {
  return new Command('login-token')
    .description('a token that lets a viewer in over TCP, once')
    .option('--minutes <n>', 'how long it may be used', minutesOf, 5)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async ({minutes, output}: {minutes: number; output: Format}, command: Command) => {
      const socketPath: string = command.optsWithGlobals().socket
      const answer = await context.api(socketPath).loginToken(minutes)
      if (!answer.ok) return finish(explain(context, socketPath, answer))
      const {token, expiresAt, listen} = answer.value
      if (!(await printValue(context, output, answer.value))) {
        context.out(`${token}\n`)
        context.err(`lets one viewer in at https://${listen}/ until ${expiresAt}\n`)
      }
      finish(EXIT.fine)
    })
}
