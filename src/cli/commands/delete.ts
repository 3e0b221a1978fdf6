import {Command} from 'commander'
import type {Unwanted} from '../../documents/index.ts'
import type {Finding} from '../../model/index.ts'
import {type CliContext, EXIT, type ExitStatus} from '../context.ts'
import {configOption, datastoreOption, differenceOption, fileOption} from '../document-answer.ts'
import {outputOption} from '../output.ts'
import {readTexts} from '../read-texts.ts'
import type {Finish} from '../run-cli.ts'
import {type WriteOptions, writeDocuments} from '../write-documents.ts'

interface DeleteOptions extends WriteOptions {
  readonly filename?: readonly string[]
  readonly ignoreNotFound?: boolean
}

/** `isthmus delete KIND NAME…` and `delete -f`: takes documents out; all of them, or where one cannot go none. */
export function deleteCommand(context: CliContext, finish: Finish): Command {
  return new Command('delete')
    .description('delete stored policy documents')
    .argument(
      '[kind]',
      'what to delete: gnp, sgnp, tier, gns, netset, staticprefix, hep, profile, np, snp, or a long name',
    )
    .argument('[name...]', 'which; NAMESPACE/NAME where the kind has namespaces')
    .addOption(fileOption())
    .addOption(configOption())
    .addOption(datastoreOption())
    .option('--ignore-not-found', 'what is not there is no error')
    .option('--dry-run', 'say what would be done, and do nothing')
    .addOption(differenceOption())
    .addOption(outputOption())
    .action(async (kind: string | undefined, names: string[], options: DeleteOptions, command: Command) => {
      if ((kind === undefined) === (options.filename === undefined)) {
        command.error('error: either KIND NAME… or -f FILE', {exitCode: EXIT.usage})
      }
      const named = kind === undefined ? await unwantedIn(options.filename ?? []) : await unwantedNamed(kind, names)
      if (typeof named === 'string') command.error(`error: ${named}`, {exitCode: EXIT.usage})
      else finish(await deleteDocuments(context, options, named))
    })
}

interface Named {
  readonly unwanted: readonly Unwanted[]
  readonly findings: readonly Finding[]
}

/** A text instead: what is wrong with the command line. */
async function unwantedNamed(typed: string, names: readonly string[]): Promise<Named | string> {
  const {DOCUMENT_KINDS, documentKindTyped} = await import('../../documents/index.ts')
  const kind = documentKindTyped(typed)
  if (!kind) return `no kind '${typed}'; there is ${DOCUMENT_KINDS.map(({plural}) => plural).join(', ')}`
  if (names.length === 0) return `which ${kind.plural}? give their names`
  const unwanted: Unwanted[] = []
  for (const given of names) {
    const parts = given.split('/')
    const isRight = parts.length === (kind.scope === 'cluster' ? 1 : 2) && parts.every((part) => part !== '')
    if (!isRight) return kind.scope === 'cluster' ? `${given} is no name` : `${given} is not NAMESPACE/NAME`
    const namespace = kind.scope === 'cluster' ? null : parts[0]!
    unwanted.push({kind, name: parts.at(-1)!, namespace, where: {source: 'delete'}})
  }
  return {unwanted, findings: []}
}

/** Of a document only kind and name count here: what is stored may be older, and wrong documents must be deletable too. */
async function unwantedIn(paths: readonly string[]): Promise<Named> {
  const {nameDocument, readDocuments} = await import('../../documents/index.ts')
  const {texts, findings: unread} = await readTexts(paths)
  const {documents, findings: unparsed} = readDocuments(texts)
  const findings = [...unread, ...unparsed]
  const unwanted: Unwanted[] = []
  for (const document of documents) {
    const {identity, findings: unnamed} = nameDocument(document)
    findings.push(...unnamed)
    if (identity) unwanted.push({...identity, where: {source: `file ${document.file}`, ...document.start}})
  }
  return {unwanted, findings}
}

async function deleteDocuments(
  context: CliContext,
  options: DeleteOptions,
  {unwanted, findings}: Named,
): Promise<ExitStatus> {
  const {keyOf, kindsToDelete, planDelete, prefixesOf} = await import('../../documents/index.ts')
  return writeDocuments(context, options, {
    findings,
    prefixes: prefixesOf(kindsToDelete(unwanted.map(({kind}) => kind))),
    plan: (stored, sent) => {
      // What an earlier try took out is not missing.
      const left = unwanted.filter(({kind, name, namespace}) => {
        const key = keyOf(kind, name, namespace)
        return stored.has(key) || !sent.has(key)
      })
      return planDelete(left, stored, options.ignoreNotFound ?? false)
    },
  })
}
