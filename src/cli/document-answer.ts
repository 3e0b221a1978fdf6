import {Option} from 'commander'
import type {Answer, DocumentPlan} from '../documents/index.ts'
import type {Finding} from '../model/index.ts'
import type {DifferenceRow} from '../policy/index.ts'
import {type CliContext, DEFAULT_CONFIG, type ExitStatus} from './context.ts'
import {effectOf} from './document-effect.ts'
import {type DocumentStore, tellFindings} from './document-store.ts'
import {type Format, printValue} from './output.ts'
import {type Column, formatTable} from './table.ts'

/** `-f`, as often as one likes. */
export const fileOption = (): Option =>
  new Option('-f, --filename <path>', 'a file, a folder, or - for standard input; may be repeated').argParser(
    (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
  )

export const configOption = (): Option =>
  new Option('--config <file>', 'the configuration that names the datastore').default(DEFAULT_CONFIG)

export const datastoreOption = (): Option => new Option('--datastore <name>', 'another one than that with the export')

const COLUMNS: readonly Column<Answer>[] = [
  {title: 'KIND', value: ({kind}) => kind},
  {title: 'NAME', value: (answer) => fullName(answer)},
  {title: 'RESULT', value: ({result}) => result},
  {title: 'KEY', value: ({key}) => key, wide: true},
]

const fullName = ({name, namespace}: Answer): string => (namespace === null ? name : `${namespace}/${name}`)

interface DocumentAnswer {
  readonly dryRun: boolean
  readonly answers: readonly Answer[]
  readonly findings: readonly Finding[]
  /** What it means for flows; missing where nobody was asked. */
  readonly difference?: readonly DifferenceRow[] | null
  /** Whether some of it was written, or may have been, although there are errors. */
  readonly isPartial?: boolean
}

/** Prints what became of each document, and to stderr what is to be said about them. Gives the status back. */
export async function answerDocuments(
  context: CliContext,
  output: Format,
  {dryRun, answers, findings, difference, isPartial = false}: DocumentAnswer,
  status: ExitStatus,
): Promise<ExitStatus> {
  const errors = findings.filter(({severity}) => severity === 'error').length
  const documents = answers.map(({kind, name, namespace, result}) => ({
    ...{kind, name},
    ...(namespace === null ? {} : {namespace}),
    result,
  }))
  const isProgram = await printValue(context, output, {
    ...{ok: errors === 0, dryRun, documents},
    ...(difference === undefined ? {} : {difference}),
    findings,
  })
  if (!isProgram && output === 'name') {
    for (const answer of answers) context.out(`${answer.kind.toLowerCase()}/${fullName(answer)}\n`)
  } else if (!isProgram && answers.length > 0) context.out(formatTable(COLUMNS, answers, {wide: output === 'wide'}))
  tellFindings(context, findings)
  if (errors > 0 && !isPartial) context.err(`${errors} ${errors === 1 ? 'error' : 'errors'}: nothing was written\n`)
  else if (errors === 0 && dryRun) context.err('dry run: nothing was written\n')
  return status
}

export const tooBusy = (datastore: string): Finding => ({
  code: 'document-conflict',
  severity: 'error',
  where: {source: `datastore ${datastore}`},
  detail: 'somebody else wrote each time between reading and writing',
  remedy: 'run the command again: what was written already is then unchanged',
})

export const inParts = (datastore: string, parts: number): Finding => ({
  code: 'documents-in-parts',
  severity: 'warning',
  where: {source: `datastore ${datastore}`},
  detail: `it took ${parts} transactions: for a moment gateways saw a part of it`,
  remedy: 'etcd takes some 125 documents or 1.4 MB at once',
})

/** Opt out of the comparison: it reads all that the site and the others publish. */
export const differenceOption = (): Option =>
  new Option('--no-difference', 'do not work out first which flows change their verdict')

/** What `announce` of `planAndWrite` found out, for the answer. */
export interface Announced {
  difference?: readonly DifferenceRow[] | null
}

/**
 * Works out what a plan means for flows, and shows people that before anything is written; programs get it with the
 * answer. That it cannot be told is a warning and no reason not to write.
 */
export async function announceEffect(
  context: CliContext,
  output: Format,
  store: DocumentStore,
  {changes}: DocumentPlan,
  findings: Finding[],
): Promise<Announced> {
  const {rows, findings: unknown} = await effectOf(store.config, store.datastore, changes)
  findings.push(...unknown)
  if (output === 'table' || output === 'wide') {
    const {printDifference} = await import('../policy/index.ts')
    if (rows && rows.length > 0) context.out(`${printDifference(rows)}\n`)
    else context.err(rows ? 'no flow changes its verdict\n' : 'which flows change their verdict cannot be told\n')
  }
  return {difference: rows}
}
