import {readFile} from 'node:fs/promises'
import type {EtcdOptions} from '../etcd/index.ts'
import type {DatastoreName, Finding, GatewayConfig, SiteName, Snapshot} from '../model/index.ts'
import type {SnapshotFile} from './read-snapshots.ts'

/** A snapshot to be: where to read, what of it, and the file that it would be. */
export interface LiveSource {
  readonly file: string
  readonly site: SiteName
  readonly datastore: DatastoreName | null
  readonly etcd: EtcdOptions
  /** null: an etcd. */
  readonly path: string | null
  readonly prefixes: readonly string[]
}

const EXPORT = ['/isthmus/v1/export/']
const DATASTORE = ['/calico/', '/isthmus/v1/resources/']

/** Every datastore and export that the configuration names, with the rights that it gives. */
export function liveSources(config: GatewayConfig): LiveSource[] {
  return [
    ...config.datastores.map(({name, endpoints, tls, user, path}) => ({
      ...{file: `datastore-${name}.jsonl`, site: config.site, datastore: name},
      ...{etcd: {endpoints, tls, user}, path: path ?? null, prefixes: DATASTORE},
    })),
    ...config.datastores
      .filter((datastore) => datastore.export !== null)
      .map(({endpoints, tls, user}) => exportSource(config.site, {endpoints, tls, user})),
    ...[...config.sites.values()].map(({name, endpoints, tls, user}) => exportSource(name, {endpoints, tls, user})),
  ]
}

function exportSource(site: SiteName, etcd: EtcdOptions): LiveSource {
  return {file: `export-${site}.jsonl`, site, datastore: null, etcd, path: null, prefixes: EXPORT}
}

/** All prefixes at one revision, from the first endpoint that answers. */
export async function readSource({site, datastore, etcd, path, prefixes}: LiveSource): Promise<Snapshot | Finding> {
  const source = datastore === null ? `export ${site}` : `datastore ${datastore}`
  if (path !== null) return readFileSource(path, site, datastore)
  // gRPC is the heaviest thing here by far, and needed by nothing else.
  const {connect, readPrefix} = await import('../etcd/index.ts')
  const causes: string[] = []
  for (const [index, endpoint] of etcd.endpoints.entries()) {
    let connection: ReturnType<typeof connect> | null = null
    try {
      connection = connect(etcd)
      const first = await readPrefix(connection.client(index), prefixes[0]!)
      const records = [...first.records]
      for (const prefix of prefixes.slice(1)) {
        records.push(...(await readPrefix(connection.client(index), prefix, first.revision)).records)
      }
      const {clusterId, revision} = first
      return {site, source: datastore === null ? 'export' : 'datastore', datastore, clusterId, revision, records}
    } catch (error) {
      causes.push(`${endpoint}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`)
    } finally {
      connection?.close()
    }
  }
  return {code: 'etcd-unreachable', severity: 'error', where: {source}, detail: causes.join('; ')}
}

async function readFileSource(
  path: string,
  site: SiteName,
  datastore: DatastoreName | null,
): Promise<Snapshot | Finding> {
  const {parseFile} = await import('../documents/index.ts')
  try {
    const {values, findings} = parseFile(await readFile(path, 'utf8'), path)
    const wrong = findings.find(({severity}) => severity === 'error')
    if (wrong) return wrong
    const records = values.map((value) => ({...value, modRevision: 1}))
    return {site, source: 'datastore', datastore, clusterId: 'file', revision: 1, records}
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return {code: 'document-unreadable', severity: 'error', where: {source: `file ${path}`}, detail}
  }
}

/**
 * What the world stands on now: the own datastores, and what the others publish; all at once, since some may be away.
 * What could not be read is a warning.
 */
export async function readLive(
  config: GatewayConfig,
): Promise<{readonly files: readonly SnapshotFile[]; readonly findings: readonly Finding[]}> {
  const wanted = liveSources(config).filter(({site, datastore}) => datastore !== null || site !== config.site)
  const answers = await Promise.all(wanted.map(async (source) => ({source, answer: await readSource(source)})))
  const files: SnapshotFile[] = []
  const findings: Finding[] = []
  for (const {source, answer} of answers) {
    if ('code' in answer) findings.push({...answer, severity: 'warning'})
    else files.push({file: source.file, snapshot: answer})
  }
  return {files, findings}
}
