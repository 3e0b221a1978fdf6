import {copyFile, mkdir, rename, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import type {Finding, GatewayConfig, SiteName} from '../model/index.ts'
import {type Prefix, seenPrefix} from '../net/index.ts'
import type {JoinInput} from './commands/site-join.ts'
import {EXIT, type ExitStatus} from './context.ts'
import {printRowsOfSite} from './site-answer.ts'
import {changeRights} from './site-etcd.ts'
import {applyFolder, filesOf, findingsOf, type Row, readHeld, rowsOf} from './site-folder.ts'

/** Names of the files of a bundle. */
export const BUNDLE = {ca: 'ca.pem', cert: 'client.pem', key: 'client.key', manifest: 'site.json'} as const

/** Where the certificates of remote sites' users are, in the folder of `site init`. */
export const remoteCertificate = (name: SiteName): string => path.join('remotes', name)

/** Checks prefixes, makes the other site's certificate, its user, and the folder that it is given. */
export async function giveBundle({context, config, name, options}: JoinInput): Promise<ExitStatus> {
  const {folder, endpoints, renew = false, dryRun = false, output} = options
  const site = await import('../site/index.ts')
  const nowMs = context.clock.nowMs()
  const owns = options.owns.length > 0 ? options.owns : (config.sites.get(name)?.owns ?? [])
  const overlaps = overlapsOf(site, config, name, owns)
  if (overlaps.length > 0) {
    await printRowsOfSite(context, output, [], overlaps, dryRun)
    return EXIT.finding
  }
  const rows: Row[] = []
  const findings: Finding[] = []
  if (owns.length === 0) {
    const reason = `whether ${name}'s prefixes overlap ours is seen where ${name} takes the bundle; --owns checks it here`
    rows.push({what: 'prefixes', action: 'unknown', reason})
  }
  const order = {...site.userCertificate(config.site, remoteCertificate(name), site.remoteUser(name))}
  const steps = site.planFolder([order], await readHeld(folder, [order]), {nowMs, renew})
  rows.push(...rowsOf(steps))
  findings.push(...findingsOf(folder, steps))
  if (steps.some(({action}) => action === 'refuse')) {
    await printRowsOfSite(context, output, rows, findings, dryRun)
    return EXIT.finding
  }
  if (!dryRun) {
    const made = await applyFolder(folder, steps)
    if (made.findings.length > 0) {
      await printRowsOfSite(context, output, [], made.findings, dryRun)
      return made.environment ? EXIT.usage : EXIT.finding
    }
  }
  let unreachable = false
  if (endpoints.length === 0) {
    const reason = '--endpoints makes its user in etcd, without which its certificate opens nothing'
    rows.push({what: `user ${site.remoteUser(name)}`, action: 'unknown', reason})
  } else {
    const rights = await changeRights({folder, endpoints, dryRun, nowMs}, async (client, etcd) => {
      const held = await etcd.readRights(client)
      const open: Finding = {
        code: 'etcd-open',
        severity: 'error',
        where: {source: 'etcd', field: endpoints.join(',')},
        detail: 'this etcd asks nobody who he is: with its certificate the other site could do everything',
        remedy: '`isthmus site init --endpoints …` first',
      }
      return {steps: site.planRemoteRights(held, name), findings: held.enabled ? [] : [open]}
    })
    rows.push(...rights.rows)
    findings.push(...rights.findings)
    unreachable = rights.unreachable
  }
  const out = options.out ?? `${config.site}-for-${name}`
  // An etcd that is open, or away, must not stay behind a bundle that is out already.
  const failed = findings.some(({severity}) => severity === 'error')
  if (!failed) {
    const advertised = options.advertise.length > 0 ? options.advertise : uplinkEndpoints(config)
    const manifest: Parameters<typeof site.printManifest>[0] = {
      ...{site: config.site, for: name, owns: config.owns, interconnect: config.interconnect, endpoints: advertised},
    }
    if (!dryRun) await writeBundle(out, filesOf(folder, order.name), site.printManifest(manifest))
    const reason = `for site ${name}: it runs \`isthmus site join ${config.site} --from …\``
    rows.push({what: out, action: 'create', reason})
    findings.push(...unnamedHosts(advertised, await namesOfServers(folder)))
  }
  await printRowsOfSite(context, output, rows, findings, dryRun)
  if (unreachable) return EXIT.unreachable
  return findings.length > 0 ? EXIT.finding : EXIT.fine
}

/** Of the other site's prefixes those that are somebody's already, as far as our configuration knows. */
export function overlapsOf(
  site: typeof import('../site/index.ts'),
  config: GatewayConfig,
  name: SiteName,
  owns: readonly Prefix[],
): Finding[] {
  const known = [
    {site: config.site, owns: config.owns},
    ...[...config.sites.values()].map((one) => ({site: one.name, owns: one.owns})),
  ]
  const translations = config.sites.get(name)?.translations ?? []
  // What is known here by other prefixes already may be anybody's.
  const seen = owns.map((prefix) => seenPrefix(translations, prefix) ?? prefix)
  return site.findOverlaps({site: name, owns: seen}, known, config.interconnect, `site ${name}`)
}

const uplinkEndpoints = (config: GatewayConfig): string[] =>
  config.uplinks.map(({address, public: seen}) => {
    const host = seen ?? address
    return `https://${host.includes(':') ? `[${host}]` : host}:2379`
  })

/** Whole or not at all: a folder that is there already is replaced by one that is complete. */
async function writeBundle(out: string, {ca, cert, key}: ReturnType<typeof filesOf>, manifest: string): Promise<void> {
  const aside = `${out}.new`
  await rm(aside, {recursive: true, force: true})
  try {
    await mkdir(aside, {recursive: true, mode: 0o700})
    await copyFile(ca, path.join(aside, BUNDLE.ca))
    await copyFile(cert, path.join(aside, BUNDLE.cert))
    await copyFile(key, path.join(aside, BUNDLE.key))
    await writeFile(path.join(aside, BUNDLE.manifest), manifest)
  } catch (error) {
    await rm(aside, {recursive: true, force: true})
    throw error
  }
  await rm(out, {recursive: true, force: true})
  await rename(aside, out)
}

async function namesOfServers(folder: string): Promise<ReadonlySet<string>> {
  const [{readTlsFiles}, {readdir}] = await Promise.all([
    import('../certificates/index.ts'),
    import('node:fs/promises'),
  ])
  const names = new Set<string>()
  for (const entry of await readdir(folder)) {
    if (!/^etcd-.*\.pem$/.test(entry)) continue
    const {cert} = await readTlsFiles(filesOf(folder, entry.replace(/\.pem$/, '')))
    for (const host of cert?.certificates[0]?.hosts ?? []) names.add(host)
  }
  return names
}

/** Where certificates of servers are here, one of them must be for the address that the other site calls. */
function unnamedHosts(endpoints: readonly string[], names: ReadonlySet<string>): Finding[] {
  if (names.size === 0) return []
  return endpoints.flatMap((endpoint): Finding[] => {
    const host = new URL(endpoint).hostname.replace(/^\[(.*)\]$/, '$1')
    if (names.has(host)) return []
    return [
      {
        code: 'certificate-host',
        severity: 'warning',
        where: {source: 'bundle', field: 'endpoints'},
        detail: `no etcd certificate in the folder is for ${host}, so the other site will refuse ${endpoint}`,
        remedy: `name it: \`isthmus site init --renew --server NAME=…,${host}\`, or --advertise another address`,
      },
    ]
  })
}
