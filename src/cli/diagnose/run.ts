import {CHECKS, type CheckReport, judgeFacts, relayFindings, THEMES, withCauses} from '../../diagnose/index.ts'
import type {Finding, GatewayConfig} from '../../model/index.ts'
import type {CliContext} from '../context.ts'
import {checkCertificates, checkDatastores, placesOf} from '../diagnose-datastores.ts'
import {readGatewayConfig} from '../read-config.ts'
import {collectFacts} from './collect.ts'
import {readInForce} from './gateway.ts'
import {look} from './look.ts'

/** Checks that have several codes, and look by themselves. */
const OTHERS = [
  {code: 'config', theme: 'files', looksAt: 'gateway.yaml itself (codes config-…)'},
  {
    code: 'certificates',
    theme: 'datastores',
    looksAt: 'files of certificates, keys and passwords (codes certificate-…, password-…)',
  },
  {
    code: 'datastores',
    theme: 'datastores',
    looksAt: 'the way to every datastore and site, step by step (codes etcd-…, certificate-…)',
  },
  {code: 'gateway', theme: 'gateway', looksAt: 'what the daemon itself finds (docs/operate/README.md)'},
] as const

interface Listed {
  readonly code: string
  readonly theme: string
  readonly looksAt: string
}

/** Every check, from the bottom up. */
export const listed = (): Listed[] =>
  THEMES.flatMap((theme) =>
    [...CHECKS, ...OTHERS].flatMap(({code, looksAt, theme: own}) => (own === theme ? [{code, theme, looksAt}] : [])),
  )

/** What is wrong with a list of codes; null: all are known. */
export function unknownIn(only: readonly string[]): string | null {
  const known = listed().map(({code}) => code)
  const unknown = only.find((code) => !known.includes(code))
  if (unknown === undefined) return null
  const near = known.filter((code) => code.includes(unknown) || unknown.includes(code))
  return `no check '${unknown}'${near.length > 0 ? `; did you mean ${near.join(', ')}?` : ''} (\`isthmus diagnose --list\` has all)`
}

interface RunInput {
  readonly context: CliContext
  readonly file: string
  readonly socket: string
  /** null: all. */
  readonly only: readonly string[] | null
}

/** A daemon that takes longer for an answer does not run as it should. */
const API_MS = 3000
/** A way to an etcd has five steps of five seconds at most; beyond this it is told as not walked. */
const WALK_MS = 6000

export interface Diagnosis {
  readonly reports: readonly CheckReport[]
  readonly unreachable: boolean
}

export async function runChecks({context, file, socket, only}: RunInput): Promise<Diagnosis> {
  const api = context.api(socket, API_MS)
  const read = await readGatewayConfig(file)
  const wants = (code: string): boolean => only === null || only.includes(code)
  const inForce = read.config === null ? await configInForce(api, file) : null
  const config = read.config ?? inForce
  const own: CheckReport = {check: 'config', evidence: [file], findings: read.findings, unreachable: null}
  if (config === null) return {reports: [own], unreachable: false}
  const wanted = CHECKS.filter(({code}) => wants(code))
  const needsFacts = wanted.length > 0 || wants('gateway')
  const {nowMs} = context.clock
  const [facts, certificates, datastores] = await Promise.all([
    needsFacts ? collectFacts({config, file, api, socket, nowMs, path: context.env.PATH ?? '', wanted}) : null,
    wants('certificates') ? timed('certificates', checkCertificates(config, nowMs())) : null,
    wants('datastores') ? timed('datastores', checkDatastores(placesOf(config), nowMs(), 'datastores')) : null,
  ])
  const judged = [
    own,
    ...(facts ? judgeFacts(facts, wanted) : []),
    ...(certificates ? [certificates] : []),
    ...(datastores ? [withoutSame(datastores, certificates)] : []),
  ].filter(({check}) => wants(check))
  const relayed = facts && wants('gateway') ? [relayFindings(facts.gateway, judged)] : []
  const order = listed().map(({code}) => code)
  const reports = [...judged, ...relayed].sort((a, b) => order.indexOf(a.check) - order.indexOf(b.check))
  return {reports: withCauses(reports), unreachable: facts !== null && !facts.gateway.ok}
}

/** What files say is told once. */
function withoutSame(report: CheckReport, before: CheckReport | null): CheckReport {
  const told = new Set(before?.findings.map((finding) => JSON.stringify(finding)))
  return {...report, findings: report.findings.filter((finding) => !told.has(JSON.stringify(finding)))}
}

/** Where the file is no configuration, the one that the daemon goes by is. */
async function configInForce(api: Parameters<typeof readInForce>[0], file: string): Promise<GatewayConfig | null> {
  const text = await readInForce(api)
  if (!text.ok) return null
  const {parseGatewayConfig} = await import('../../config/index.ts')
  return parseGatewayConfig(text.value, file).config
}

async function timed(check: string, work: Promise<CheckReport>): Promise<CheckReport> {
  const seen = await look(check, () => work, WALK_MS)
  const findings: readonly Finding[] = []
  return seen.ok ? seen.value : {check, evidence: [], findings, unreachable: seen.why}
}
