import {diffWriteBack} from '../diff/index.ts'
import {storedDifference} from '../documents/index.ts'
import type {DatastoreConfig, Finding, GatewayConfig, World} from '../model/index.ts'
import {briefIpam, HeldObjects, mayPruneSet, objectPath, writeBackObjects} from '../writeback/index.ts'
import {type CliContext, EXIT, type ExitStatus} from './context.ts'
import {tellFindings} from './document-store.ts'
import {readLive} from './live-snapshots.ts'
import {worldOf} from './offline-world.ts'
import {type Format, printValue} from './output.ts'
import {readGatewayConfig} from './read-config.ts'
import type {SnapshotFile} from './read-snapshots.ts'

interface Row {
  readonly datastore: string
  readonly name: string
  readonly result: 'create' | 'update' | 'delete'
  readonly diff: string
}

/** What nobody is told, since nothing is written: the name for life that an object would get. */
const IDENTITY = {uid: '-', creationTimestamp: '-'}

/**
 * Reads every datastore and export that the configuration names and shows what would be written back, so that a configuration
 * can be tried before a gateway has it. Status 1 where anything would be.
 */
export async function diffWrittenBack(
  context: CliContext,
  {
    config: file,
    output,
    datastore,
  }: {readonly config: string; readonly output: Format; readonly datastore: string | null},
): Promise<ExitStatus> {
  const {config, findings: ofConfig} = await readGatewayConfig(file)
  const chosen = config?.datastores.filter(({name, kind}) => kind === 'calico' && (datastore ?? name) === name) ?? []
  if (config === null || chosen.length === 0) {
    const detail = datastore === null ? 'no datastore is a Calico' : `no Calico datastore is named ${datastore}`
    const missing: Finding = {code: 'config-missing', severity: 'error', where: {source: `config ${file}`}, detail}
    tellFindings(context, config === null ? ofConfig : [missing])
    return EXIT.usage
  }
  const {files, findings} = await readLive(config)
  const {world} = worldOf(config, files)
  const parts = chosen.map((one) => differenceIn(one, config, world, files))
  const rows = parts.flatMap(({rows: its}) => its)
  const told = [...ofConfig, ...findings, ...parts.flatMap((part) => part.findings)]
  if (!(await printValue(context, output, {objects: rows, findings: told}))) {
    for (const {name, diff} of rows) context.out(output === 'name' ? `${name}\n` : diff)
  }
  tellFindings(context, told)
  return rows.length === 0 && told.length === 0 ? EXIT.fine : EXIT.finding
}

function differenceIn(
  {name, writeBack = null}: DatastoreConfig,
  config: GatewayConfig,
  world: World,
  files: readonly SnapshotFile[],
): {readonly rows: readonly Row[]; readonly findings: readonly Finding[]} {
  const snapshot = files.map((file) => file.snapshot).find((one) => one.datastore === name)
  // What could not be read is a finding already.
  if (!snapshot) return {rows: [], findings: []}
  const held = new HeldObjects(config.site)
  held.take({type: 'list', revision: snapshot.revision, upserts: snapshot.records, deletes: []})
  const {changes, findings} = diffWriteBack({
    wanted: writeBackObjects(world, config, writeBack),
    held: held.objects,
    mayPrune: (key) => !writeBack?.sets || mayPruneSet(key, config.sites.keys(), world),
    settled: new Map(),
    identity: () => IDENTITY,
    source: `datastore ${name}`,
    site: config.site,
  })
  const rows = changes.map(({key, text, modRevision}): Row => {
    const path = objectPath(key)
    const shown = (stored: string | null): string | null => (stored === null ? null : briefIpam(key, stored))
    return {
      ...{datastore: name, name: path},
      result: text === null ? 'delete' : modRevision === 0 ? 'create' : 'update',
      diff: storedDifference(`${name} ${path}`, shown(held.objects.get(key)?.text ?? null), shown(text)),
    }
  })
  return {rows, findings}
}
