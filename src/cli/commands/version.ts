import {Command} from 'commander'
import {VERSION} from '../../api/client.ts'
import {type CliContext, EXIT} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import type {Finish} from '../run-cli.ts'

/** `isthmus version`: of the command line and its runtime; the gateway's own stands in `status`. */
export function versionCommand(context: CliContext, finish: Finish): Command {
  return new Command('version')
    .description('print the version')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async ({output}: {output: Format}) => {
      const value = {version: VERSION, node: process.versions.node}
      if (!(await printValue(context, output, value))) context.out(`isthmus ${value.version} (Node ${value.node})\n`)
      finish(EXIT.fine)
    })
}
