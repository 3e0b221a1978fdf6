import {mkdir, rename, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {Command} from 'commander'
import {formatFinding, formatSnapshot, type Snapshot} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {liveSources, readSource} from '../live-snapshots.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

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
      for (const source of liveSources(config)) {
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

/** Whole or not at all; labels and policies are nobody else's business. */
async function writeSnapshot(file: string, snapshot: Snapshot): Promise<void> {
  let text = ''
  for (const line of formatSnapshot(snapshot)) text += `${line}\n`
  try {
    await writeFile(`${file}.new`, text, {mode: 0o600})
    await rename(`${file}.new`, file)
  } catch (error) {
    await rm(`${file}.new`, {force: true})
    throw error
  }
}
