import {mkdir, rename, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {Command} from 'commander'
import {
  type DatastoreName,
  type Finding,
  formatFinding,
  formatSnapshot,
  type GatewayConfig,
  type SiteName,
  type Snapshot,
  type TlsFiles,
} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

/** One file to be: where to read, and what of it. */
interface Source {
  readonly file: string
  readonly site: SiteName
  readonly datastore: DatastoreName | null
  readonly endpoints: readonly string[]
  readonly tls: TlsFiles | null
  readonly prefixes: readonly string[]
}

const EXPORT = ['/isthmus/v1/export/']
const DATASTORE = ['/calico/', '/isthmus/v1/resources/']

/**
 * `isthmus snapshot save DIR`: reads every datastore and export that the configuration names, with the rights that it
 * gives. It asks etcd and not the gateway, which keeps no values, and so works without one too.
 */
export function snapshotSaveCommand(context: CliContext, finish: Finish): Command {
  return new Command('save')
    .description('write datastores and exports to DIR, a file each')
    .argument('<dir>', 'made if missing')
    .option('--config <file>', 'the configuration that names them', DEFAULT_CONFIG)
    .action(async (folder: string, {config: file}: {config: string}) => {
      const {config, findings} = await readGatewayConfig(file)
      for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
      if (!config) return finish(EXIT.finding)
      await mkdir(folder, {recursive: true})
      let failed = false
      for (const source of sourcesOf(config)) {
        const answer = await readSource(source)
        if ('code' in answer) {
          failed = true
          context.err(`${formatFinding(answer)}\n`)
          continue
        }
        await writeSnapshot(path.join(folder, source.file), answer)
        context.out(`${path.join(folder, source.file)}: ${answer.records.length} keys at revision ${answer.revision}\n`)
      }
      finish(failed ? EXIT.finding : EXIT.fine)
    })
}

function sourcesOf(config: GatewayConfig): Source[] {
  const own = config.datastores.filter(({kind}) => kind !== 'file')
  return [
    ...own.map(({name, endpoints, tls}) => ({
      ...{file: `datastore-${name}.jsonl`, site: config.site, datastore: name},
      ...{endpoints, tls, prefixes: DATASTORE},
    })),
    ...own
      .filter((datastore) => datastore.export !== null)
      .map(({endpoints, tls}) => exportSource(config.site, endpoints, tls)),
    ...[...config.sites.values()].map(({name, endpoints, tls}) => exportSource(name, endpoints, tls)),
  ]
}

function exportSource(site: SiteName, endpoints: readonly string[], tls: TlsFiles | null): Source {
  return {file: `export-${site}.jsonl`, site, datastore: null, endpoints, tls, prefixes: EXPORT}
}

/** All prefixes at one revision, from the first endpoint that answers. */
async function readSource({site, datastore, endpoints, tls, prefixes}: Source): Promise<Snapshot | Finding> {
  const source = datastore === null ? `export ${site}` : `datastore ${datastore}`
  // gRPC is the heaviest thing here by far, and needed by nothing else.
  const {connect, readPrefix} = await import('../../etcd/index.ts')
  const causes: string[] = []
  for (const [index, endpoint] of endpoints.entries()) {
    let connection: ReturnType<typeof connect> | null = null
    try {
      connection = connect({endpoints, tls})
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

/** Whole or not at all; labels and policies are nobody else's business. */
async function writeSnapshot(file: string, snapshot: Snapshot): Promise<void> {
  let text = ''
  for (const line of formatSnapshot(snapshot)) text += `${line}\n`
  await writeFile(`${file}.new`, text, {mode: 0o600})
  await rename(`${file}.new`, file)
}
