import {Command, InvalidArgumentError, Option} from 'commander'
import {type Finding, formatFinding, parseSiteName, type SiteName} from '../../model/index.ts'
import {parseAddress} from '../../net/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {type Format, outputOption} from '../output.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'
import {printRowsOfSite} from '../site-answer.ts'
import {changeRights, findLockOut} from '../site-etcd.ts'
import {applyFolder, DEFAULT_FOLDER, filesOf, findingsOf, type Row, readHeld, readWish, rowsOf} from '../site-folder.ts'

interface InitOptions {
  readonly site?: SiteName
  readonly config: string
  readonly folder: string
  readonly server: readonly Server[]
  readonly calicoUser: readonly string[]
  readonly endpoints: readonly string[]
  readonly renew?: boolean
  readonly dryRun?: boolean
  readonly output: Format
}

interface Server {
  readonly name: string
  readonly hosts: readonly string[]
}

/**
 * `isthmus site init`: authority, certificates, and with `--endpoints` users and roles. Each step says what is there
 * already; a second run changes nothing.
 */
export function siteInitCommand(context: CliContext, finish: Finish): Command {
  return new Command('init')
    .description('make authority, certificates, and etcd users and roles of this site')
    .option('--site <name>', 'this site; without it, the one of the configuration', parseSite)
    .option('--config <file>', 'the configuration', DEFAULT_CONFIG)
    .option('--folder <dir>', 'where the files are kept', DEFAULT_FOLDER)
    .option(
      '--server <name=host,…>',
      'an etcd member and where it is called; repeat for each',
      collect(parseServer),
      [],
    )
    .option('--calico-user <cn>', "a user of Calico's own components; repeat for several", collect(parseUser), [])
    .addOption(endpointsOption('also make users and roles in this etcd'))
    .option('--renew', 'make anew what expires soon or is not as it should be')
    .option('--dry-run', 'say what would be done, and do nothing')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (options: InitOptions) => {
      const {site, findings} = await siteOf(options)
      for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
      if (site === null) return finish(EXIT.finding)
      finish(await initSite(context, site, options))
    })
}

async function initSite(context: CliContext, site: SiteName, options: InitOptions) {
  const {folder, endpoints, renew = false, dryRun = false, output} = options
  const {planFolder, planRights, wantedCertificates, wideRights} = await import('../../site/index.ts')
  const nowMs = context.clock.nowMs()
  const wish = await readWish(folder, {site, servers: options.server, calicoUsers: options.calicoUser})
  const wanted = wantedCertificates(wish)
  const steps = planFolder(wanted, await readHeld(folder, wanted), {nowMs, renew})
  const findings: Finding[] = findingsOf(folder, steps)
  const rows: Row[] = rowsOf(steps)
  const refused = steps.some(({action}) => action === 'refuse')
  if (!refused && !dryRun) {
    const made = await applyFolder(folder, steps)
    findings.push(...made.findings)
    if (made.findings.length > 0) {
      for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
      return made.environment ? EXIT.usage : EXIT.finding
    }
  }
  let unreachable = false
  if (endpoints.length > 0 && !refused) {
    const needed = steps.some(({order, action}) => action === 'create' && ['ca', 'admin'].includes(order.name))
    if (dryRun && needed) {
      rows.push({what: 'etcd', action: 'unknown', reason: 'cannot be asked before admin.pem is made'})
    } else {
      const rights = await changeRights({folder, endpoints, dryRun, nowMs}, async (client, etcd) => {
        const held = await etcd.readRights(client)
        const lockOut = held.enabled
          ? []
          : await findLockOut(client, endpoints, filesOf(folder, 'admin').ca, wish.calicoUsers)
        const wide = wideRights(held).map(
          (detail): Finding => ({
            code: 'etcd-rights-wide',
            severity: 'warning',
            where: {source: 'etcd'},
            detail: `${detail}: more than reading the export`,
            remedy: 'take it away with etcdctl, unless you know why it is there',
          }),
        )
        return {steps: planRights(held, wish.calicoUsers), findings: [...lockOut, ...wide]}
      })
      rows.push(...rights.rows)
      findings.push(...rights.findings)
      unreachable = rights.unreachable
    }
  }
  await printRowsOfSite(context, output, rows, findings, dryRun)
  if (unreachable) return EXIT.unreachable
  return findings.length > 0 ? EXIT.finding : EXIT.fine
}

async function siteOf({site, config: file}: Pick<InitOptions, 'site' | 'config'>) {
  if (site) return {site, findings: []}
  const {config, findings} = await readGatewayConfig(file)
  return {site: config?.site ?? null, findings}
}

export function parseSite(text: string): SiteName {
  const site = parseSiteName(text)
  if (site === null) throw new InvalidArgumentError('no site name: lower-case letters, digits, inner hyphens.')
  return site
}

export const endpointsOption = (description: string): Option =>
  new Option('--endpoints <url,…>', description).default([]).argParser(parseEndpoints)

/** Users are made over TLS only: what makes them is the certificate of `root`. */
export function parseEndpoints(text: string): string[] {
  return text.split(',').map((endpoint) => {
    if (/^https:\/\/(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/.test(endpoint)) return endpoint
    throw new InvalidArgumentError(`${endpoint} is not https://HOST:PORT.`)
  })
}

const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[]): T[] => [...before, parse(text)]

function parseServer(text: string): Server {
  const [name = '', list = '', ...more] = text.split('=')
  const hosts = list.split(',').map((host) => parseAddress(host) ?? (HOST.test(host) ? host : null))
  if (!NAME.test(name) || more.length > 0 || hosts.some((host) => host === null)) {
    throw new InvalidArgumentError('NAME=HOST,… is wanted, such as m1=192.0.2.1,etcd1.example.')
  }
  return {name, hosts: hosts.filter((host) => host !== null)}
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const HOST =
  /^(?=.{1,253}$)(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/

/** It becomes a file's name and a certificate's CN, which etcd takes for the user. */
function parseUser(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(text)) return text
  throw new InvalidArgumentError('letters, digits, and inner _ . - are wanted.')
}
