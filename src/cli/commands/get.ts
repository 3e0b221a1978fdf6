import {Command} from 'commander'
import {KINDS, type Kind, type Rows} from '../../api/client.ts'
import {CHANGE_COLUMNS, columnsAt, RULE_COLUMNS} from '../columns.ts'
import {type CliContext, EXIT, explain} from '../context.ts'
import {configOption, datastoreOption} from '../document-answer.ts'
import {type Format, outputOption, printRows} from '../output.ts'
import type {Finish} from '../run-cli.ts'
import {getStored, storedKinds} from '../stored-documents.ts'
import {formatTable} from '../table.ts'

/** `isthmus get KIND [NAME]`: what the gateway knows and does, and the documents that are stored. */
export function getCommand(context: CliContext, finish: Finish): Command {
  return new Command('get')
    .description(`show objects: ${[...KINDS, ...STORED].join(', ')}`)
    .argument('<kind>', 'what to show')
    .argument('[name]', 'only the one of this name')
    .option('--limit <n>', 'at most so many, 0 for all', '10000')
    .option('--stored', 'the documents themselves, from the datastore and not from the gateway')
    .addOption(configOption())
    .addOption(datastoreOption())
    .addOption(outputOption())
    .action(async (given: string, name: string | undefined, options: GetOptions, command: Command) => {
      const {output, limit, stored, config, datastore} = options
      const kind = stored ? undefined : KINDS.find((known) => known === given || singular(known) === given)
      if (kind) {
        finish(await getObjects(context, command.optsWithGlobals().socket, kind, name ?? null, Number(limit), output))
        return
      }
      const kinds = await storedKinds(given)
      if (kinds.length === 0) {
        const known = stored ? STORED : [...KINDS, ...STORED]
        command.error(`error: no kind '${given}'; there is ${known.join(', ')}`, {exitCode: EXIT.usage})
      }
      finish(await getStored(context, {kinds, name: name ?? null, config, datastore, output}))
    })
}

interface GetOptions {
  readonly output: Format
  readonly limit: string
  readonly stored?: boolean
  readonly config: string
  readonly datastore?: string
}

/** What only a datastore has; with `--stored` also `tiers` and `policies`. */
const STORED = [
  'globalnetworkpolicies',
  'stagedglobalnetworkpolicies',
  'globalnetworksets',
  'networksets',
  'staticprefixes',
  'hostendpoints',
  'profiles',
  'networkpolicies',
  'stagednetworkpolicies',
  'documents',
]

/** `tunnel` and `policy` are understood too. */
const SINGULAR: Readonly<Partial<Record<Kind, string>>> = {policies: 'policy', classes: 'class'}
const singular = (kind: Kind): string => SINGULAR[kind] ?? kind.slice(0, -1)

async function getObjects<K extends Kind>(
  context: CliContext,
  socketPath: string,
  kind: K,
  name: string | null,
  limit: number,
  output: Format,
) {
  const answer = await context.api(socketPath).get(kind, name, limit)
  if (!answer.ok) return explain(context, socketPath, answer)
  const {items, more} = answer.value
  await printRows(context, output, kind, items, columnsAt(context.clock.nowMs())[kind])
  if (kind === 'policies' && name !== null && output === 'wide')
    printCounts(context, items as readonly Rows['policies'][])
  if (more) context.err(`there are more than these ${items.length}; --limit 0 shows all\n`)
  return EXIT.fine
}

/** What each rule of a policy decided, and what a staged one would. */
function printCounts(context: CliContext, policies: readonly Rows['policies'][]): void {
  for (const {name, counts} of policies) {
    if (counts.rules.length > 0) context.out(`\n${name}: rules\n${formatTable(RULE_COLUMNS, counts.rules)}`)
    if (counts.changes.length > 0)
      context.out(`\n${name}: would change\n${formatTable(CHANGE_COLUMNS, counts.changes)}`)
  }
}
