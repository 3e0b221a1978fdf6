import {mkdir, readFile, rename, rm, stat, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {type Finding, ifMissing} from '../model/index.ts'
import type {JoinInput} from './commands/site-join.ts'
import {EXIT, type ExitStatus} from './context.ts'
import {handOver} from './hand-over.ts'
import {printRowsOfSite} from './site-answer.ts'
import {BUNDLE, overlapsOf} from './site-bundle.ts'

/** A manifest has a few lines. */
const MAX_MANIFEST = 1 << 20

/** Checks what another site made for us, puts its certificates where they stay, and says what to write into gateway.yaml. */
export async function takeBundle({context, config, name, options}: JoinInput, from: string): Promise<ExitStatus> {
  const {dryRun = false, output, sites: folder, encapsulation} = options
  const [site, {readTlsFiles}, {judgeTlsFiles}] = await Promise.all([
    import('../site/index.ts'),
    import('../certificates/index.ts'),
    import('../diagnose/index.ts'),
  ])
  const refuse = async (findings: readonly Finding[]): Promise<ExitStatus> => {
    await printRowsOfSite(context, output, [], findings, dryRun)
    return EXIT.finding
  }
  const invalid = (detail: string, remedy?: string): Finding => ({
    code: 'site-bundle-invalid',
    severity: 'error',
    where: {source: `bundle ${from}`},
    detail,
    ...(remedy ? {remedy} : {}),
  })
  const text = await readManifest(path.join(from, BUNDLE.manifest))
  if (typeof text !== 'string') return refuse([invalid(text.fault, 'the folder that `isthmus site join` made there')])
  const manifest = site.parseManifest(text)
  if ('fault' in manifest) return refuse([invalid(`${BUNDLE.manifest}: ${manifest.fault}`)])
  if (manifest.site !== name) return refuse([invalid(`it is of site ${manifest.site}, not of ${name}`)])
  if (manifest.for !== config.site) {
    return refuse([invalid(`it was made for site ${manifest.for}, and this is ${config.site}`, `ask ${name} for ours`)])
  }
  const findings = overlapsOf(site, config, name, manifest.owns)
  if (manifest.interconnect.toSorted().join() !== config.interconnect.toSorted().join()) {
    findings.push({
      code: 'config-conflict',
      severity: 'error',
      where: {source: `bundle ${from}`, field: 'interconnect'},
      detail: `site ${name} has interconnect ${manifest.interconnect.join(', ')}, this site ${config.interconnect.join(', ')}`,
      remedy: 'it must be the same at all sites: all inner addresses lie in it',
    })
  }
  const files = {ca: path.join(from, BUNDLE.ca), cert: path.join(from, BUNDLE.cert), key: path.join(from, BUNDLE.key)}
  const facts = await readTlsFiles(files)
  // How open the key lies on the way here is not what counts; it is closed where it stays.
  findings.push(
    ...judgeTlsFiles(`bundle ${from}`, facts, context.clock.nowMs()).filter(
      ({code}) => code !== 'certificate-key-open',
    ),
  )
  const user = facts.cert?.certificates[0]?.commonName
  const expected = site.remoteUser(config.site)
  if (user && user !== expected)
    findings.push(invalid(`its certificate is user ${user}'s, ours would be ${expected}'s`))
  if (findings.some(({severity}) => severity === 'error')) return refuse(findings)
  const target = path.join(folder, name)
  const stays = {
    ca: path.join(target, BUNDLE.ca),
    cert: path.join(target, BUNDLE.cert),
    key: path.join(target, BUNDLE.key),
  }
  const same = (await Promise.all(Object.values(BUNDLE).map((file) => isSame(from, target, file)))).every(Boolean)
  if (!same && !dryRun) await installBundle(from, target)
  const known = config.sites.has(name)
  const rows = [
    {
      what: target,
      action: same ? 'keep' : 'create',
      reason: same ? 'there already, the same' : `certificates for ${name}'s etcd`,
    },
    known
      ? {
          what: 'gateway.yaml',
          action: 'keep',
          reason: `has sites.${name} already; compare it with what is printed here`,
        }
      : {what: 'gateway.yaml', action: 'yours', reason: `add what is printed here, then \`isthmus check\` and reload`},
  ]
  const snippet = site.bundleSnippet(manifest, stays, encapsulation)
  await printRowsOfSite(context, output, rows, findings, dryRun, {gatewayYaml: snippet})
  if (output === 'table') context.out(`\n${snippet}`)
  return findings.length > 0 ? EXIT.finding : EXIT.fine
}

async function readManifest(file: string): Promise<string | {readonly fault: string}> {
  try {
    const {size} = await stat(file)
    if (size > MAX_MANIFEST) return {fault: `${file}: ${size} bytes, far too large`}
    return await readFile(file, 'utf8')
  } catch (error) {
    return {fault: error instanceof Error ? error.message : String(error)}
  }
}

async function isSame(from: string, to: string, file: string): Promise<boolean> {
  const read = (folder: string) => readFile(path.join(folder, file)).catch(ifMissing(null))
  const [a, b] = await Promise.all([read(from), read(to)])
  return a !== null && b !== null && a.equals(b)
}

/** File by file, each whole: the daemon may be reading the old ones. */
async function installBundle(from: string, target: string): Promise<void> {
  await mkdir(target, {recursive: true, mode: 0o700})
  for (const file of [BUNDLE.key, BUNDLE.cert, BUNDLE.ca, BUNDLE.manifest]) {
    const aside = path.join(target, `.${file}.new`)
    await rm(aside, {force: true})
    // Closed to others before anything is in it, however it came.
    try {
      await writeFile(aside, await readFile(path.join(from, file)), {flag: 'wx', mode: 0o600})
      await rename(aside, path.join(target, file))
    } catch (error) {
      await rm(aside, {force: true})
      throw error
    }
  }
  await handOver(target, Object.values(BUNDLE))
  await handOver(path.dirname(target), [])
}
