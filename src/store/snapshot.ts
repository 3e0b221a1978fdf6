import type {Finding, RawRecord} from '../model/index.ts'
import {unreadable} from './files.ts'

/** The first line of a snapshot (formats.md): what was read, whence, at which revision. */
export interface SnapshotHeader {
  readonly site: string
  readonly source: 'datastore' | 'export'
  /** Name of the datastore; null for a site's export. */
  readonly datastore: string | null
  readonly clusterId: string | null
  readonly revision: number
}

export interface Snapshot extends SnapshotHeader {
  readonly records: readonly RawRecord[]
}

const utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})

/** One JSON line a record; a value that is not UTF-8 goes in base64, so that any bytes come back exactly. */
export function snapshotText(header: SnapshotHeader, records: Iterable<RawRecord>): string {
  const {site, source, datastore, clusterId, revision} = header
  const lines = [
    JSON.stringify({
      kind: 'snapshot',
      version: 1,
      site,
      source,
      ...(datastore === null ? {} : {datastore}),
      clusterId,
      revision,
    }),
  ]
  for (const {key, value, modRevision} of records) lines.push(JSON.stringify({key, ...printValue(value), modRevision}))
  return `${lines.join('\n')}\n`
}

function printValue(value: Uint8Array): {text: string} | {base64: string} {
  try {
    return {text: utf8.decode(value)}
  } catch {
    return {base64: Buffer.from(value).toString('base64')}
  }
}

/** Reads a snapshot; a broken line is a finding with its number and the rest counts. Null without a header. */
export function parseSnapshot(path: string, text: string): {snapshot: Snapshot | null; findings: Finding[]} {
  const findings: Finding[] = []
  const records: RawRecord[] = []
  let header: SnapshotHeader | null = null
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue
    const value = parseLine(line)
    if (index === 0) {
      header = value && parseHeader(value)
      if (header) continue
      return {
        snapshot: null,
        findings: [unreadable(path, 'not a snapshot: {"kind":"snapshot","version":1,…} expected', 1)],
      }
    }
    const record = value && parseRecord(value)
    if (record) records.push(record)
    else findings.push(unreadable(path, 'not a record: {"key":…,"text":…,"modRevision":…} expected', index + 1))
  }
  if (!header) return {snapshot: null, findings: [unreadable(path, 'empty', 1)]}
  return {snapshot: {...header, records}, findings}
}

type Fields = Readonly<Record<string, unknown>>

function parseLine(line: string): Fields | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Fields) : null
  } catch {
    return null
  }
}

function parseHeader(value: Fields): SnapshotHeader | null {
  const {kind, version, site, source, datastore, clusterId, revision} = value
  if (kind !== 'snapshot' || version !== 1 || typeof site !== 'string' || typeof revision !== 'number') return null
  if (source !== 'datastore' && source !== 'export') return null
  return {
    site,
    source,
    datastore: typeof datastore === 'string' ? datastore : null,
    clusterId: typeof clusterId === 'string' ? clusterId : null,
    revision,
  }
}

function parseRecord({key, text, base64, modRevision}: Fields): RawRecord | null {
  if (typeof key !== 'string' || typeof modRevision !== 'number') return null
  if (typeof text === 'string') return {key, value: Buffer.from(text), modRevision}
  if (typeof base64 === 'string') return {key, value: Buffer.from(base64, 'base64'), modRevision}
  return null
}
