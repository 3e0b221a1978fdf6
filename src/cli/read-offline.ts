import {type Finding, formatFinding, type GatewayConfig, type RawRecord} from '../model/index.ts'
import {type CliContext, DEFAULT_CONFIG} from './context.ts'
import type {OfflineWorld} from './offline-world.ts'
import {readGatewayConfig} from './read-config.ts'
import {readPolicyDocuments} from './read-policy-documents.ts'
import {readSnapshots, type SnapshotFile} from './read-snapshots.ts'

export interface OfflineOptions {
  readonly config: string
  /** Absent: what the datastores and exports of the configuration hold now. */
  readonly snapshot?: readonly string[]
  /** Documents to add or replace. */
  readonly policy?: readonly string[]
}

export interface Offline extends OfflineWorld {
  readonly config: GatewayConfig
}

export const snapshotOption = [
  '--snapshot <path...>',
  'judge by these snapshots, and not by what datastores and exports hold now',
] as const
export const configOption = ['--config <file>', 'the configuration, for --snapshot', DEFAULT_CONFIG] as const
export const policyOption = ['--policy <file...>', 'Calico documents to add or replace; - is stdin'] as const

/**
 * Reads all that judges without a gateway; null where that is not possible, and then it has been said why. What is wrong
 * with snapshots is told and left out, as a gateway would; what is wrong with documents that were given by hand ends it.
 * `whole` is for answers about all addresses: a source that cannot be read ends it too, and a site without one is told.
 */
export async function readOffline(
  context: CliContext,
  options: OfflineOptions,
  whole = false,
): Promise<Offline | null> {
  const read = await readInputs(context, options, whole)
  if (!read) return null
  const {config, files, records} = read
  const {worldOf} = await import('./offline-world.ts')
  const offline = worldOf(config, files, records)
  tell(context, offline.findings)
  tell(context, offline.world.findings)
  return {...offline, config}
}

async function readInputs(context: CliContext, {config: file, snapshot, policy = []}: OfflineOptions, whole: boolean) {
  const {config, findings} = await readGatewayConfig(file)
  tell(context, findings)
  if (!config) return null
  const {files, findings: unread} = snapshot
    ? await readSnapshots(snapshot)
    : await (await import('./live-snapshots.ts')).readLive(config)
  tell(context, unread)
  if (whole && unread.length > 0) return null
  if (whole) tell(context, missingSites(config, files))
  const {records, findings: wrong} = policy.length > 0 ? await readPolicyDocuments(policy) : NO_DOCUMENTS
  tell(context, wrong)
  if (files.length === 0 || wrong.some(({severity}) => severity === 'error')) return null
  return {config, files, records}
}

const NO_DOCUMENTS: {readonly records: readonly RawRecord[]; readonly findings: readonly Finding[]} = {
  records: [],
  findings: [],
}

/** What is said of all addresses is said of these sites' prefixes only, and not of their endpoints. */
function missingSites(config: GatewayConfig, files: readonly SnapshotFile[]): Finding[] {
  const given = new Set(files.map(({snapshot}) => snapshot.site))
  return [config.site, ...config.sites.keys()]
    .filter((site) => !given.has(site))
    .map((site) => ({
      ...{code: 'source-missing', severity: 'warning', where: {source: `site ${site}`}},
      detail: 'no snapshot of it is given: its endpoints are not known',
    }))
}

/** Findings go to stderr, a line each. */
export function tell(context: CliContext, findings: readonly Finding[]): void {
  for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
}
