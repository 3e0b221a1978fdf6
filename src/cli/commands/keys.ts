import {Command} from 'commander'
import {type CliContext, EXIT, explain} from '../context.ts'
import type {Finish} from '../run-cli.ts'

/** `isthmus keys rotate [SITE]`: a new WireGuard key, in a tunnel of its own beside the old one until traffic has moved. */
export function keysCommand(context: CliContext, finish: Finish): Command {
  const rotate = new Command('rotate')
    .description('make new WireGuard keys for the tunnels to a site, or to all; no packet is lost')
    .argument('[SITE]', 'the site at the other end')
    .action(async (site: string | undefined, _options: unknown, command: Command) => {
      const socketPath: string = command.optsWithGlobals().socket
      const answer = await context.api(socketPath).rotateKeys(site ?? null)
      if (!answer.ok) return finish(explain(context, socketPath, answer))
      const {tunnels} = answer.value
      const words =
        tunnels.length === 0 ? 'no tunnel has a WireGuard key' : 'new keys, each as soon as its tunnel is up:'
      context.out([words, ...tunnels.map((pair) => `  ${pair}`), ''].join('\n'))
      finish(EXIT.fine)
    })
  return new Command('keys').description('WireGuard keys of tunnels').addCommand(rotate)
}
