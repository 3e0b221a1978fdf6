import {Command} from 'commander'
import {type Finding, formatFinding, type SiteName} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus} from '../context.ts'
import {type Format, outputOption} from '../output.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'
import {printRowsOfSite} from '../site-answer.ts'
import {DEFAULT_FOLDER, DEFAULT_SITES, type Row} from '../site-folder.ts'
import {TRACES} from '../site-traces.ts'
import {endpointsOption, parseSite} from './site-init.ts'

interface LeaveOptions {
  readonly config: string
  readonly folder: string
  readonly sites: string
  readonly endpoints: readonly string[]
  readonly dryRun?: boolean
  readonly output: Format
}

/**
 * `isthmus site leave NAME`: turns another site away and removes what is left of it here; of the own site, removes what
 * Isthmus made in its datastores. Safe to run again.
 */
export function siteLeaveCommand(context: CliContext, finish: Finish): Command {
  return new Command('leave')
    .description(
      'turn another site away, and remove what is left of it here; or take the own site out of its datastores',
    )
    .argument('<site>', 'the other site, or the own', parseSite)
    .option('--config <file>', "this gateway's configuration", DEFAULT_CONFIG)
    .option('--folder <dir>', 'where `site init` keeps its files', DEFAULT_FOLDER)
    .option('--sites <dir>', 'where bundles that were taken are', DEFAULT_SITES)
    .addOption(endpointsOption('the etcd from which its user goes'))
    .option('--dry-run', 'say what would be removed, and remove nothing')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (name: SiteName, options: LeaveOptions) => {
      const {folder, sites, endpoints, dryRun = false, output} = options
      const {config, findings: wrong} = await readGatewayConfig(options.config)
      for (const finding of wrong) context.err(`${formatFinding(finding)}\n`)
      if (!config) return finish(EXIT.finding)
      if (name === config.site) {
        const {leaveOwnSite} = await import('../leave-own-site.ts')
        const {rows, findings} = await leaveOwnSite(config, dryRun)
        const nothing = {what: `site ${name}`, action: 'keep', reason: 'nothing of it is left in its datastores'}
        const told = rows.length === 0 && findings.length === 0 ? [nothing] : rows
        await printRowsOfSite(context, output, told, findings, dryRun)
        return finish(statusOf(findings))
      }
      const named = config.sites.has(name)
      const nowMs = context.clock.nowMs()
      const rows: Row[] = []
      const findings: Finding[] = []
      for (const {what, whileNamed, remove} of TRACES) {
        if (named && !whileNamed) {
          rows.push({what, action: 'later', reason: `in use while gateway.yaml names sites.${name}`})
          continue
        }
        const removed = await remove({config, name, folder, sites, endpoints, dryRun, nowMs, named})
        rows.push(...removed.rows)
        findings.push(...removed.findings)
      }
      if (named) findings.push(stillNamed(name, options.config))
      if (rows.length === 0) rows.push({what: `site ${name}`, action: 'keep', reason: 'nothing of it is left here'})
      await printRowsOfSite(context, output, rows, findings, dryRun)
      // etcd asks who somebody is when a watch is opened, and not again.
      if (rows.some(({what, action}) => what.startsWith('etcd ') && action === 'remove') && output === 'table') {
        context.err(`a watch that ${name} has open lasts as long as its connection: restart etcd, member by member\n`)
      }
      finish(statusOf(findings))
    })
}

function statusOf(findings: readonly Finding[]): ExitStatus {
  if (findings.some(({code}) => code === 'etcd-unreachable')) return EXIT.unreachable
  return findings.length > 0 ? EXIT.finding : EXIT.fine
}

const stillNamed = (name: SiteName, file: string): Finding => ({
  code: 'config-conflict',
  severity: 'warning',
  where: {source: `config ${file}`, field: `sites.${name}`},
  detail: `it still names site ${name}, so that it is followed`,
  remedy: `take out sites.${name} (and ${name} from authorities, transit), reload every gateway, and run this again`,
})
