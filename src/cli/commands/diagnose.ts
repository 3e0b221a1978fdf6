import {Command} from 'commander'
import {type CheckReport, summaryOf} from '../../diagnose/index.ts'
import {formatFinding, type GatewayConfig} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus} from '../context.ts'
import {checkDatastores, placesOf} from '../diagnose-datastores.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'
import {formatTable} from '../table.ts'

/** `isthmus diagnose`: collects facts, has them judged, prints what was seen and what to do. Changes nothing. */
export function diagnoseCommand(context: CliContext, finish: Finish): Command {
  const command = new Command('diagnose')
    .description('find out what is wrong here, and what to do')
    .option('--config <file>', "the gateway's configuration", DEFAULT_CONFIG)
    .option('--only <codes>', 'these checks, with commas between them')
    .option('--list', 'what is checked')
    .option('--consistency', 'compare the kernel and the own export with what all etcds say; as root')
    .addOption(outputOption(['table', 'wide', 'json', 'yaml']))
  command.addCommand(datastoreCommand(context, finish))
  return command.action(async (options: DiagnoseOptions, self: Command) => {
    const {listed, runChecks, unknownIn} = await import('../diagnose/run.ts')
    if (options.list) return finish(await printList(context, options.output, listed()))
    const only = options.only?.split(',').filter(Boolean) ?? null
    const unknown = only === null ? null : unknownIn(only)
    if (unknown !== null) self.error(`error: ${unknown}`, {exitCode: EXIT.usage})
    if (options.consistency) {
      const config = await readConfig(context, options.config)
      if (!config) return finish(EXIT.finding)
      const {checkConsistency} = await import('../consistency/check.ts')
      return finish(await printReports(context, options.output, [await checkConsistency(config)]))
    }
    const {socket} = self.optsWithGlobals<{socket: string}>()
    const {reports, unreachable} = await runChecks({context, file: options.config, socket, only})
    const status = await printReports(context, options.output, reports)
    finish(unreachable ? EXIT.unreachable : status)
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
      finish(await printReports(context, output === 'table' ? 'wide' : output, [report]))
    })
}

interface DiagnoseOptions extends Readonly<Record<string, unknown>> {
  readonly config: string
  readonly output: Format
  readonly only?: string
  readonly list?: true
  readonly consistency?: true
}

async function readConfig(context: CliContext, file: string): Promise<GatewayConfig | null> {
  const {config, findings} = await readGatewayConfig(file)
  for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
  return config
}

/** The findings are the answer here, so they go to stdout; gives the exit status. */
async function printReports(context: CliContext, output: Format, reports: readonly CheckReport[]): Promise<ExitStatus> {
  const summary = summaryOf(reports)
  if (!(await printValue(context, output, {ok: summary === 'fine', checks: reports}))) {
    const {formatReport, isTrouble} = await import('../../diagnose/index.ts')
    // What is well is a line; `wide` has what was seen of it too.
    for (const report of reports)
      context.out(
        `${formatReport(output === 'wide' || reports.length === 1 || isTrouble(report) ? report : {...report, evidence: []})}\n`,
      )
    if (reports.length > 1) context.out(`${countsOf(reports)}\n`)
  }
  return EXIT[summary]
}

function countsOf(reports: readonly CheckReport[]): string {
  const notLooked = reports.filter(({unreachable}) => unreachable !== null).length
  const found = reports.filter(({findings}) => findings.some(({severity}) => severity !== 'info')).length
  return `${reports.length} checks: ${found} found something, ${notLooked} could not look`
}

async function printList(
  context: CliContext,
  output: Format,
  checks: readonly {readonly code: string; readonly theme: string; readonly looksAt: string}[],
): Promise<ExitStatus> {
  if (!(await printValue(context, output, checks))) {
    const columns = [
      {title: 'CODE', value: ({code}: {code: string}) => code},
      {title: 'THEME', value: ({theme}: {theme: string}) => theme},
      {title: 'LOOKS AT', value: ({looksAt}: {looksAt: string}) => looksAt},
    ]
    context.out(formatTable(columns, checks))
  }
  return EXIT.fine
}
