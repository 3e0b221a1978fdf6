import {Command, InvalidArgumentError, Option} from 'commander'
import {formatFinding, type GatewayConfig, parseSiteName, type SiteName} from '../../model/index.ts'
import {type Prefix, parsePrefix} from '../../net/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {type Format, outputOption} from '../output.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'
import {giveBundle} from '../site-bundle.ts'
import {DEFAULT_FOLDER, DEFAULT_SITES} from '../site-folder.ts'
import {takeBundle} from '../take-bundle.ts'
import {endpointsOption, parseEndpoints} from './site-init.ts'

export interface JoinOptions {
  readonly config: string
  readonly folder: string
  readonly sites: string
  readonly owns: readonly Prefix[]
  readonly endpoints: readonly string[]
  readonly advertise: readonly string[]
  readonly out?: string
  readonly from?: string
  readonly encapsulation: 'ipip' | 'fou' | 'wireguard' | 'none' | 'auto'
  readonly renew?: boolean
  readonly dryRun?: boolean
  readonly output: Format
}

export interface JoinInput {
  readonly context: CliContext
  readonly config: GatewayConfig
  readonly name: SiteName
  readonly options: JoinOptions
}

/**
 * `isthmus site join NAME`: makes the bundle with which NAME reads our export; with `--from` takes the one that NAME made
 * for us. Both sites do both. Prefixes that overlap are refused before anything is made.
 */
export function siteJoinCommand(context: CliContext, finish: Finish): Command {
  return new Command('join')
    .description('make the bundle with which another site reads our export, or take one (--from)')
    .argument('<site>', 'the other site')
    .option('--config <file>', "this gateway's configuration", DEFAULT_CONFIG)
    .option('--folder <dir>', 'where `site init` keeps its files', DEFAULT_FOLDER)
    .option('--owns <prefix,…>', "the other site's prefixes, to be compared with ours", parsePrefixes, [])
    .addOption(endpointsOption('also make its user in this etcd'))
    .option(
      '--advertise <url,…>',
      'where the other site reaches our etcd; else port 2379 of the uplinks',
      parseEndpoints,
      [],
    )
    .option('--out <dir>', 'the bundle; else ./SITE-for-NAME')
    .option('--from <dir>', 'take the bundle that the other site made for us')
    .option('--sites <dir>', 'where bundles that are taken go', DEFAULT_SITES)
    .addOption(encapsulationOption())
    .option('--renew', 'make a new certificate for the other site')
    .option('--dry-run', 'say what would be done, and do nothing')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (given: string, options: JoinOptions, command: Command) => {
      const name = parseSiteName(given)
      if (name === null) command.error(`error: ${JSON.stringify(given)} is no site name`, {exitCode: EXIT.usage})
      const {config, findings} = await readGatewayConfig(options.config)
      for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
      if (!config) return finish(EXIT.finding)
      if (name === config.site) command.error(`error: ${name} is this site itself`, {exitCode: EXIT.usage})
      const input = {context, config, name, options}
      finish(options.from === undefined ? await giveBundle(input) : await takeBundle(input, options.from))
    })
}

function parsePrefixes(text: string): Prefix[] {
  return text.split(',').map((item) => {
    const prefix = parsePrefix(item)
    if (prefix === null) throw new InvalidArgumentError(`${item} is not a prefix such as 10.1.0.0/16.`)
    return prefix
  })
}

const encapsulationOption = (): Option =>
  new Option('--encapsulation <kind>', 'for what is to be written into gateway.yaml')
    .choices(['ipip', 'fou', 'wireguard', 'none', 'auto'])
    .default('ipip')
