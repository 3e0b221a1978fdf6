import {Command} from 'commander'
import type {decodeRecord} from '../../decode/index.ts'
import {type Decoded, type Finding, formatFinding} from '../../model/index.ts'
import {type CliContext, EXIT} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {readSnapshots, type SnapshotFile} from '../read-snapshots.ts'
import type {Finish} from '../run-cli.ts'
import {type Column, formatTable} from '../table.ts'

interface Count {
  readonly kind: string
  readonly keys: number
  readonly bad: number
}

const COLUMNS: readonly Column<Count>[] = [
  {title: 'KIND', value: ({kind}) => kind},
  {title: 'KEYS', value: ({keys}) => String(keys), right: true},
  {title: 'BAD', value: ({bad}) => String(bad), right: true},
]

/** `isthmus snapshot show FILE…`: what is in them, by kind, and what of it cannot be understood. */
export function snapshotShowCommand(context: CliContext, finish: Finish): Command {
  return new Command('show')
    .description('show what snapshots hold, and what in them is bad')
    .argument('<path...>', 'files, or folders of them')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (paths: string[], {output}: {output: Format}) => {
      const {files, findings} = await readSnapshots(paths)
      const {decodeRecord} = await import('../../decode/index.ts')
      const shown = files.map((file) => countKinds(file, decodeRecord))
      const all = [...findings, ...shown.flatMap((file) => file.findings)]
      if (!(await printValue(context, output, {snapshots: shown.map(withoutFindings), findings: all}))) {
        for (const {title, counts} of shown) context.out(`${title}\n${formatTable(COLUMNS, counts)}\n`)
      }
      for (const finding of all) context.err(`${formatFinding(finding)}\n`)
      finish(all.some(({severity}) => severity === 'error') ? EXIT.finding : EXIT.fine)
    })
}

function countKinds({file, snapshot}: SnapshotFile, decode: typeof decodeRecord) {
  const {site, source, datastore, revision, records} = snapshot
  const name = datastore === null ? `export of site ${site}` : `datastore ${datastore} of site ${site}`
  const counts = new Map<string, {keys: number; bad: number}>()
  const findings: Finding[] = []
  for (const record of records) {
    const decoded = decode(record, datastore === null ? `export ${site}` : `datastore ${datastore}`)
    findings.push(...decoded.findings)
    const kind = kindOf(decoded)
    const count = counts.get(kind) ?? {keys: 0, bad: 0}
    counts.set(kind, {keys: count.keys + 1, bad: count.bad + (decoded.type === 'bad' ? 1 : 0)})
  }
  const sorted = [...counts].map(([kind, count]) => ({kind, ...count})).sort((a, b) => (a.kind < b.kind ? -1 : 1))
  const title = `${file}: ${name} at revision ${revision}, ${records.length} keys`
  return {file, site, source, datastore, revision, keys: records.length, title, counts: sorted, findings}
}

function withoutFindings({title: _title, findings: _findings, ...rest}: ReturnType<typeof countKinds>) {
  return rest
}

function kindOf(decoded: Decoded): string {
  if (decoded.type === 'resource') return decoded.resource.kind
  if (decoded.type === 'export') return `export ${decoded.entry.kind}`
  return decoded.type === 'ignored' ? `not read: ${decoded.kind}` : 'bad'
}
