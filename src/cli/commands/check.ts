import {Command} from 'commander'
import type {Finding} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

/** `isthmus check`: all that is wrong with a configuration, at once; changes nothing and asks nobody. */
export function checkCommand(context: CliContext, finish: Finish): Command {
  return new Command('check')
    .description('validate a configuration')
    .argument('[file]', 'the configuration')
    .option('--config <file>', 'the same', DEFAULT_CONFIG)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (argument: string | undefined, {config: option, output}: {config: string; output: Format}) => {
      const file = argument ?? option
      const {config, findings} = await readGatewayConfig(file)
      const isProgram = await printValue(context, output, {file, ok: config !== null, findings})
      if (!isProgram) {
        for (const finding of findings) context.err(`${formatInFile(file, finding)}\n`)
        const how = findings.length === 0 ? 'fine' : 'usable, but for what is said above'
        if (config) context.out(`${file}: gateway ${config.gateway} of site ${config.site}, ${how}\n`)
      }
      finish(config && findings.length === 0 ? EXIT.fine : EXIT.finding)
    })
}

/** `FILE:LINE:COLUMN: …`, as editors and terminals make links of. */
function formatInFile(file: string, {severity, code, where, detail, remedy}: Finding): string {
  const place = [file, where.line, where.column].filter((part) => part !== undefined).join(':')
  const field = where.field === undefined ? '' : ` ${where.field}`
  return `${place}: ${severity} ${code}${field}: ${detail}${remedy ? `; ${remedy}` : ''}`
}
