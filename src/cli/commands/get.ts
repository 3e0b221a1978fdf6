import {Command} from 'commander'
import {type Answer, KINDS, type Kind, type Rows} from '../../api/client.ts'
import {CHANGE_COLUMNS, columnsAt, nameOf, RULE_COLUMNS} from '../columns.ts'
import {type CliContext, EXIT, type ExitStatus, explain} from '../context.ts'
import {configOption, datastoreOption} from '../document-answer.ts'
import {type Fetched, fetchRows} from '../fetch-rows.ts'
import {KIND_WORDS, kindTyped, STORED} from '../kinds.ts'
import {meant} from '../nearest.ts'
import {type Format, outputOption, printRows} from '../output.ts'
import {painterOf} from '../paint.ts'
import type {Finish} from '../run-cli.ts'
import {sortRows} from '../sort-rows.ts'
import {getStored, storedKinds} from '../stored-documents.ts'
import {formatTable, tableOf} from '../table.ts'
import {answersOverTime, changesSince, type RowChange, type RowChanges, type Said} from '../watch-rows.ts'

/** `isthmus get KIND [NAME]`: what the gateway knows and does, and the documents that are stored. */
export function getCommand(context: CliContext, finish: Finish): Command {
  return new Command('get')
    .description('show what the gateway has, or documents that are stored')
    .argument('<kind>', `what to show: ${[...KINDS, ...STORED].join(', ')}`)
    .argument('[name]', 'only the one of this name')
    .option('-l, --selector <selector>', "only those whose labels it means, in Calico's language: app == 'web'")
    .option('-w, --watch', 'go on, and print what is new, changed or gone as it comes')
    .option('--sort-by <column>', 'a column, or a path into the JSON such as .probes.small.avgMs')
    .option('--no-headers', 'no titles above the columns')
    .option('--why-not <prefix>', 'of routes: why a prefix is not here, step by step')
    .option('--limit <n>', 'at most so many, 0 for all', '10000')
    .option('--stored', 'the documents themselves, from the datastore and not from the gateway')
    .addOption(configOption())
    .addOption(datastoreOption())
    .addOption(outputOption())
    .action(async (given: string, name: string | undefined, options: GetOptions, command: Command) => {
      const {output, stored, config, datastore, selector = null} = options
      const refuse = (problem: string): never => command.error(`error: ${problem}`, {exitCode: EXIT.usage})
      const limit = Number(options.limit)
      if (!Number.isSafeInteger(limit) || limit < 0) refuse(`--limit ${options.limit} is no whole number; 0 for all`)
      const kind = stored ? null : kindTyped(given)
      const {socket} = command.optsWithGlobals<{socket: string}>()
      if (options.whyNot !== undefined) {
        if (kind !== 'routes' || name !== undefined)
          refuse('--why-not is asked as: isthmus get routes --why-not PREFIX')
        const {printWhyNot} = await import('../why-not.ts')
        finish(await printWhyNot(context, socket, options.whyNot, output))
        return
      }
      if (kind) {
        const shown = {...options, kind, name: name ?? null, selector, limit, socket}
        const status = await (options.watch ? watchObjects : getObjects)(context, shown)
        finish(typeof status === 'string' ? refuse(status) : status)
        return
      }
      const kinds = await storedKinds(given)
      if (kinds.length === 0) {
        const known = stored ? STORED : [...KINDS, ...STORED]
        const near = meant(given, stored ? STORED : [...KIND_WORDS, ...STORED])
        refuse(`no kind '${given}'${near || `; there is ${known.join(', ')}`}`)
      }
      if (options.watch || options.sortBy !== undefined) {
        refuse('--watch and --sort-by are for what a gateway has, not for stored documents')
      }
      finish(await getStored(context, {kinds, name: name ?? null, config, datastore, output, selector}))
    })
}

interface GetOptions {
  readonly output: Format
  readonly limit: string
  readonly stored?: boolean
  readonly config: string
  readonly datastore?: string
  readonly selector?: string
  readonly watch?: boolean
  readonly sortBy?: string
  readonly headers: boolean
  readonly whyNot?: string
}

interface Shown<K extends Kind> extends Pick<GetOptions, 'output' | 'sortBy' | 'headers'> {
  readonly kind: K
  readonly name: string | null
  readonly selector: string | null
  readonly limit: number
  readonly socket: string
}

/** A text instead of a status: wrong usage, and why. */
async function getObjects<K extends Kind>(context: CliContext, shown: Shown<K>): Promise<ExitStatus | string> {
  const {kind, name, output, socket, sortBy, headers} = shown
  const answer = await fetchRows(context.api(socket), shown, (count) => context.progress(String(count)))
  if (!answer.ok) return explainNamed(context, shown, answer)
  const columns = columnsAt(context.clock.nowMs())[kind]
  const sorted =
    sortBy === undefined ? ({ok: true, rows: answer.value.rows} as const) : sortRows(answer.value.rows, columns, sortBy)
  if (!sorted.ok) return sorted.problem
  await printRows(context, output, kind, sorted.rows, columns, headers)
  if (kind === 'policies' && name !== null && output === 'wide')
    printCounts(context, sorted.rows as readonly Rows['policies'][])
  if (answer.value.more) {
    const order = sortBy === undefined ? '' : ', and only these are sorted'
    context.err(`there are more than these ${sorted.rows.length}${order}; --limit 0 shows all\n`)
  }
  return EXIT.fine
}

function explainNamed(
  context: CliContext,
  {kind, name, socket}: Shown<Kind>,
  answer: Extract<Answer<unknown>, {ok: false}>,
) {
  const status = explain(context, socket, answer)
  if (answer.code === 'not-found' && name !== null) {
    const next =
      kind === 'routes'
        ? `isthmus get routes --why-not ${name} says why`
        : `isthmus get ${kind} -o name lists what there is`
    context.err(`${next}\n`)
  }
  return status
}

/** Goes on until it is ended; of a gateway that is away for a while that is told, once. */
async function watchObjects<K extends Kind>(context: CliContext, shown: Shown<K>): Promise<ExitStatus | string> {
  const {kind, socket, sortBy} = shown
  const print = changePrinter(context, shown)
  let said: Said<K> | null = null
  let isAway = false
  const api = context.api(socket)
  for await (const answer of answersOverTime(context, api, kind, () => fetchRows(api, shown))) {
    if (!answer.ok) {
      if (said === null) return explainNamed(context, shown, answer)
      // What was watched by name and is gone is gone: told below as such.
      if (answer.code !== 'not-found') {
        if (!isAway) explain(context, socket, answer)
        isAway = true
        continue
      }
    }
    isAway = false
    const rows: Fetched<K>['rows'] = answer.ok ? answer.value.rows : []
    const columns = columnsAt(context.clock.nowMs())[kind]
    const sorted = sortBy === undefined ? ({ok: true, rows} as const) : sortRows(rows, columns, sortBy)
    if (!sorted.ok) return sorted.problem
    const next: RowChanges<K> = changesSince(said, sorted.rows, columns)
    said = next.said
    if (next.changes.length > 0) await print(next.changes)
  }
  return EXIT.fine
}

function changePrinter<K extends Kind>(context: CliContext, {kind, output, headers}: Shown<K>) {
  const columns = columnsAt(context.clock.nowMs())[kind].map((column, index) => ({
    ...column,
    // Ages are told as they are when the row is.
    value: ({row}: RowChange<K>) => columnsAt(context.clock.nowMs())[kind][index]!.value(row),
  }))
  // As wide from the first row on as the longest word.
  const change = {title: 'CHANGE', value: ({change: what}: RowChange<K>) => (what === 'there' ? '-' : what).padEnd(7)}
  const table = tableOf([change, ...columns], {wide: output === 'wide', headers, paint: painterOf(context)})
  return async (changes: readonly RowChange<K>[]): Promise<void> => {
    if (output === 'name') {
      for (const {row, change: what} of changes)
        context.out(`${kind}/${nameOf(row)}${what === 'gone' ? ' gone' : ''}\n`)
    } else if (output === 'json') {
      for (const one of changes) context.out(`${JSON.stringify({change: one.change, object: one.row})}\n`)
    } else if (output === 'yaml') {
      const {stringify} = await import('yaml')
      for (const one of changes) context.out(`---\n${stringify({change: one.change, object: one.row})}`)
    } else context.out(table(changes))
  }
}

/** What each rule of a policy decided, and what a staged one would. */
function printCounts(context: CliContext, policies: readonly Rows['policies'][]): void {
  for (const {name, counts} of policies) {
    if (counts.rules.length > 0) context.out(`\n${name}: rules\n${formatTable(RULE_COLUMNS, counts.rules)}`)
    if (counts.changes.length > 0)
      context.out(`\n${name}: would change\n${formatTable(CHANGE_COLUMNS, counts.changes)}`)
  }
}
