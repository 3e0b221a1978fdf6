import {Command} from 'commander'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {formatFindingIn, readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

/** `isthmus check`, and `isthmus config validate`: all that is wrong with a configuration, at once; changes nothing and asks nobody. */
export function checkCommand(context: CliContext, finish: Finish, name = 'check'): Command {
  return new Command(name)
    .description('validate a configuration')
    .argument('[file]', 'the configuration')
    .option('--config <file>', 'the same', DEFAULT_CONFIG)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (argument: string | undefined, {config: option, output}: {config: string; output: Format}) => {
      const file = argument ?? option
      const {config, findings} = await readGatewayConfig(file)
      const isProgram = await printValue(context, output, {file, ok: config !== null, findings})
      if (!isProgram) {
        for (const finding of findings) context.err(`${formatFindingIn(file, finding)}\n`)
        const how = findings.length === 0 ? 'fine' : 'usable, but for what is said above'
        if (config) context.out(`${file}: gateway ${config.gateway} of site ${config.site}, ${how}\n`)
      }
      finish(config && findings.length === 0 ? EXIT.fine : EXIT.finding)
    })
}
