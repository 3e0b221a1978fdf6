import {Command} from 'commander'
import {type CheckReport, formatReport, summaryOf} from '../../diagnose/index.ts'
import {formatFinding, type GatewayConfig} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {checkCertificates, checkDatastores, placesOf} from '../diagnose-datastores.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

/** What a check may use to collect its facts. */
export interface DiagnoseInput {
  readonly context: CliContext
  readonly config: GatewayConfig
  readonly socket: string
}

interface DiagnoseCheck {
  readonly name: string
  readonly describe: string
  /** `always`: part of every `isthmus diagnose`. `asked`: only with its own option `--NAME`, and then alone. */
  readonly when: 'always' | 'asked'
  /** Loads what it needs late: the command line must start in no time. */
  readonly run: (input: DiagnoseInput) => Promise<CheckReport>
}

/** Every check, a line each, in the order in which they are made: from the bottom up. */
const CHECKS: readonly DiagnoseCheck[] = [
  {
    name: 'certificates',
    describe: 'the certificates and keys that the configuration names',
    when: 'always',
    run: ({context, config}) => checkCertificates(config, context.clock.nowMs()),
  },
  {
    name: 'datastores',
    describe: 'the way to every datastore and remote site',
    when: 'always',
    run: ({context, config}) => checkDatastores(placesOf(config), context.clock.nowMs(), 'datastores'),
  },
  {
    name: 'consistency',
    describe: 'compare the kernel and the own export with what all etcds say; as root',
    when: 'asked',
    run: async ({config}) => (await import('../consistency/check.ts')).checkConsistency(config),
  },
]

/** `isthmus diagnose`: collects facts, has them judged, prints what was seen and what to do. Changes nothing. */
export function diagnoseCommand(context: CliContext, finish: Finish): Command {
  const command = new Command('diagnose')
    .description('find out what is wrong here, and what to do')
    .option('--config <file>', "the gateway's configuration", DEFAULT_CONFIG)
    .addOption(outputOption(['table', 'json', 'yaml']))
  const asked = CHECKS.filter(({when}) => when === 'asked')
  for (const {name, describe} of asked) command.option(`--${name}`, describe)
  command.addCommand(datastoreCommand(context, finish))
  return command.action(async (options: DiagnoseOptions, self: Command) => {
    const config = await readConfig(context, options.config)
    if (!config) return finish(EXIT.finding)
    const wanted = asked.filter(({name}) => options[name] === true)
    const input = {context, config, socket: self.optsWithGlobals<{socket: string}>().socket}
    const reports: CheckReport[] = []
    for (const check of wanted.length > 0 ? wanted : CHECKS.filter(({when}) => when === 'always')) {
      reports.push(await check.run(input))
    }
    finish(await printReports(context, options.output, reports))
  })
}

/** `isthmus diagnose datastore NAME|SITE`: the whole way to one of them, and where it ends. */
function datastoreCommand(context: CliContext, finish: Finish): Command {
  return new Command('datastore')
    .description('walk the way to one datastore or site: name, TCP, TLS, certificate, etcd, user, range, watch')
    .argument('<name>', 'a datastore of this site, or a remote site')
    .action(async (name: string, _: unknown, self: Command) => {
      const {config: file, output} = self.optsWithGlobals<DiagnoseOptions>()
      const config = await readConfig(context, file)
      if (!config) return finish(EXIT.finding)
      const places = placesOf(config)
      const chosen = places.filter((place) => place.name === name)
      if (chosen.length === 0) {
        const known = places.map((place) => place.name).join(', ')
        self.error(`error: no datastore or site '${name}'; there is ${known}`, {exitCode: EXIT.usage})
      }
      const report = await checkDatastores(chosen, context.clock.nowMs(), `datastore ${name}`)
      finish(await printReports(context, output, [report]))
    })
}

interface DiagnoseOptions extends Readonly<Record<string, unknown>> {
  readonly config: string
  readonly output: Format
}

async function readConfig(context: CliContext, file: string): Promise<GatewayConfig | null> {
  const {config, findings} = await readGatewayConfig(file)
  for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
  return config
}

/** The findings are the answer here, so they go to stdout; gives the exit status. */
async function printReports(context: CliContext, output: Format, reports: readonly CheckReport[]) {
  const summary = summaryOf(reports)
  if (!(await printValue(context, output, {ok: summary === 'fine', checks: reports}))) {
    for (const report of reports)
      context.out(`${formatReport(report)}
`)
  }
  return EXIT[summary]
}
