import {Option} from 'commander'
import type {Answer} from '../documents/index.ts'
import type {Finding} from '../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, type ExitStatus} from './context.ts'
import {tellFindings} from './document-store.ts'
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
  /** Whether some of it was written, or may have been, although there are errors. */
  readonly isPartial?: boolean
}

/** Prints what became of each document, and to stderr what is to be said about them. Gives the status back. */
export async function answerDocuments(
  context: CliContext,
  output: Format,
  {dryRun, answers, findings, isPartial = false}: DocumentAnswer,
  status: ExitStatus,
): Promise<ExitStatus> {
  const errors = findings.filter(({severity}) => severity === 'error').length
  const documents = answers.map(({kind, name, namespace, result}) => ({
    ...{kind, name},
    ...(namespace === null ? {} : {namespace}),
    result,
  }))
  const isProgram = await printValue(context, output, {ok: errors === 0, dryRun, documents, findings})
  if (!isProgram && output === 'name') {
    for (const answer of answers) context.out(`${answer.kind.toLowerCase()}/${fullName(answer)}\n`)
  } else if (!isProgram && answers.length > 0) context.out(formatTable(COLUMNS, answers, output === 'wide'))
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
  code: 'document-too-large',
  severity: 'warning',
  where: {source: `datastore ${datastore}`},
  detail: `it took ${parts} transactions: for a moment gateways saw a part of it`,
  remedy: 'etcd takes some 125 documents or 1.4 MB at once',
})
