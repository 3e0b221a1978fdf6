import type {Finding} from './finding.ts'
import {type DatastoreName, parseDatastoreName, parseSiteName, type SiteName} from './ids.ts'
import type {RawRecord} from './record.ts'

/** One datastore or one export at one revision, as read: what a snapshot file holds (`*.jsonl`, docs/reference). */
export interface Snapshot {
  readonly site: SiteName
  readonly source: 'datastore' | 'export'
  /** Of the site's datastores, which; null for an export. */
  readonly datastore: DatastoreName | null
  readonly clusterId: string
  readonly revision: number
  readonly records: readonly RawRecord[]
}

/** Keeps bytes as they are: a value that is not UTF-8 must come back unchanged. */
const UTF8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})

/** The file's lines, without the ends of line; sorted by key, so that two snapshots can be compared by diff(1). */
export function* formatSnapshot(snapshot: Snapshot): Generator<string> {
  yield formatSnapshotHeader(snapshot)
  const sorted = [...snapshot.records].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  for (const record of sorted) yield formatSnapshotRecord(record)
}

export function formatSnapshotHeader({
  site,
  source,
  datastore,
  clusterId,
  revision,
}: Omit<Snapshot, 'records'>): string {
  const name = datastore === null ? {} : {datastore}
  return JSON.stringify({kind: 'snapshot', version: 1, site, source, ...name, clusterId, revision})
}

export const formatSnapshotRecord = ({key, value, modRevision}: RawRecord): string =>
  JSON.stringify({key, ...textOrBase64(value), modRevision})

function textOrBase64(value: Uint8Array): {readonly text: string} | {readonly base64: string} {
  try {
    return {text: UTF8.decode(value)}
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return {base64: Buffer.from(value).toString('base64')}
  }
}

/** The last line of what a gateway keeps: whatever was lost or changed on its way to the disk and back does not go with it. */
export const formatSnapshotEnd = (records: number, sha256: string): string =>
  JSON.stringify({kind: 'end', records, sha256})

const isEnd = (line: string): boolean => parseObject(line)?.kind === 'end'

/**
 * Reads a snapshot file; `file` is its name in findings. A bad header gives no snapshot at all; a bad line is left out
 * with a finding that names it, and the rest is read. What a gateway keeps has its checksum behind all (`formatSnapshotEnd`),
 * which is no record.
 */
export function parseSnapshot(
  text: string,
  file: string,
): {readonly snapshot: Snapshot | null; readonly findings: readonly Finding[]} {
  const findings: Finding[] = []
  const fail = (line: number, detail: string): null => {
    const where = {source: `snapshot ${file}`, line}
    findings.push({code: 'record-invalid', severity: 'error', where, detail})
    return null
  }
  const lines = text.split('\n')
  const header = parseHeader(lines[0] ?? '')
  if (typeof header === 'string') return {snapshot: fail(1, header), findings}
  const records: RawRecord[] = []
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === '') continue
    if (isEnd(line) && lines.slice(index + 1).every((rest) => rest.trim() === '')) continue
    const record = parseSnapshotRecord(line)
    if (typeof record === 'string') fail(index + 1, record)
    else records.push(record)
  }
  return {snapshot: {...header, records}, findings}
}

function parseHeader(line: string): Omit<Snapshot, 'records'> | string {
  const value = parseObject(line)
  if (value?.kind !== 'snapshot') return 'the first line is no header {"kind":"snapshot",…}: not a snapshot'
  if (value.version !== 1) return `version ${JSON.stringify(value.version)}: only 1 is known`
  const site = typeof value.site === 'string' ? parseSiteName(value.site) : null
  const datastore = typeof value.datastore === 'string' ? parseDatastoreName(value.datastore) : null
  if (!site) return 'site: missing, or no site name'
  if (value.source !== 'datastore' && value.source !== 'export') return 'source: "datastore" or "export"'
  if ((value.source === 'datastore') !== (datastore !== null)) return 'datastore: the name, and of a datastore only'
  const clusterId = typeof value.clusterId === 'string' ? value.clusterId : ''
  const revision = typeof value.revision === 'number' ? value.revision : 0
  return {site, source: value.source, datastore, clusterId, revision}
}

/** One record's line; what is wrong with it, if it is none. */
export function parseSnapshotRecord(line: string): RawRecord | string {
  const value = parseObject(line)
  if (!value) return 'not a JSON object'
  const {key, text, base64, modRevision} = value
  if (typeof key !== 'string' || key === '') return 'key: missing'
  if (typeof modRevision !== 'number') return 'modRevision: missing'
  if (typeof text === 'string') return {key, value: new TextEncoder().encode(text), modRevision}
  if (typeof base64 !== 'string') return 'one of text and base64 is needed'
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) return 'base64: not base64'
  return {key, value: Buffer.from(base64, 'base64'), modRevision}
}

function parseObject(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value))
      : null
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return null
  }
}
