import {Command} from 'commander'
import {watchLan} from '../../probe/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'
import {untilTold} from '../until-told.ts'

/** `isthmus watch-lan`: notices when this gateway is cut off from its LAN without a word; runs beside the daemon. */
export function watchLanCommand(context: CliContext, finish: Finish): Command {
  return new Command('watch-lan')
    .description('watch the LAN, so that a silent cut moves traffic to the twin')
    .option('--config <file>', 'the configuration', DEFAULT_CONFIG)
    .action(async ({config: file}: {config: string}) => {
      const {config} = await readGatewayConfig(file)
      if (!config?.lan || config.lan.watch.length === 0) {
        const what = config
          ? 'names no neighbours to watch: give `lan.watch`'
          : 'is not valid: `isthmus check` says why'
        context.err(`${file} ${what}\n`)
        return finish(EXIT.usage)
      }
      const tell = (line: string): void => context.err(`${new Date(context.clock.nowMs()).toISOString()} ${line}\n`)
      const {lan, paths} = config
      await untilTold((signal) => watchLan({lan, folder: paths.run, signal, tell}))
      finish(EXIT.fine)
    })
}
