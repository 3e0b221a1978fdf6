import {Command} from 'commander'
import type {Finding} from '../../model/index.ts'
import {type CliContext, EXIT, type ExitStatus} from '../context.ts'
import {configOption, datastoreOption, fileOption} from '../document-answer.ts'
import {openDocumentStore, storeFailure, tellFindings} from '../document-store.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {readTexts} from '../read-texts.ts'
import type {Finish} from '../run-cli.ts'

interface DiffOptions {
  readonly filename?: readonly string[]
  readonly writeBack?: boolean
  readonly config: string
  readonly datastore?: string
  readonly output: Format
}

/**
 * `isthmus diff -f`: what `apply` of the same would change, as a unified difference; status 1 where it would. With
 * `--write-back`: what a gateway with this configuration would change in the site's Calico datastores.
 */
export function diffCommand(context: CliContext, finish: Finish): Command {
  return new Command('diff')
    .description(
      'compare policy documents with those that are stored, or written-back objects with those that should be',
    )
    .addOption(fileOption())
    .option('--write-back', "the objects that this configuration keeps in the site's Calico datastores")
    .addOption(configOption())
    .addOption(datastoreOption())
    .addOption(outputOption(['table', 'json', 'yaml', 'name']))
    .action(async (options: DiffOptions, command: Command) => {
      const {filename, writeBack, config, datastore, output} = options
      if (writeBack && !filename) {
        const {diffWrittenBack} = await import('../diff-written-back.ts')
        finish(await diffWrittenBack(context, {config, output, datastore: datastore ?? null}))
      } else if (filename && !writeBack) finish(await diffDocuments(context, {...options, filename}))
      else command.error('error: give either -f PATH or --write-back', {exitCode: EXIT.usage})
    })
}

async function diffDocuments(
  context: CliContext,
  options: DiffOptions & {readonly filename: readonly string[]},
): Promise<ExitStatus> {
  const [{texts, findings: unread}, {documentDifference, planApply, prefixesOf, validateDocuments}] = await Promise.all(
    [readTexts(options.filename), import('../../documents/index.ts')],
  )
  const validated = validateDocuments(texts)
  const findings: Finding[] = [...unread, ...validated.findings]
  const opened = await openDocumentStore(options.config, options.datastore)
  if ('findings' in opened) {
    tellFindings(context, [...findings, ...opened.findings])
    return opened.status
  }
  const {store} = opened
  try {
    const {documents} = validated
    const {stored} = await store.read(prefixesOf(documents.map(({kind}) => kind)))
    // Nothing is written, so what new documents would be called inside does not matter.
    const identities = documents.map(() => ({uid: '', creationTimestamp: ''}))
    const plan = planApply(validated, stored, identities)
    findings.push(...plan.findings)
    const changed = documents.flatMap((document, index) => {
      const {result} = plan.answers[index]!
      const {kind, name, namespace} = document
      const diff = documentDifference(document, stored)
      return result === 'unchanged'
        ? []
        : [{kind: kind.kind, name, ...(namespace === null ? {} : {namespace}), result, diff}]
    })
    if (!(await printValue(context, options.output, {documents: changed, findings}))) {
      for (const {kind, name, diff} of changed) {
        context.out(options.output === 'name' ? `${kind.toLowerCase()}/${name}\n` : diff)
      }
    }
    tellFindings(context, findings)
    const isFine = changed.length === 0 && findings.every(({severity}) => severity !== 'error')
    return isFine ? EXIT.fine : EXIT.finding
  } catch (error) {
    const {finding, status} = await storeFailure(error, store.datastore)
    tellFindings(context, [...findings, finding])
    return status
  } finally {
    store.close()
  }
}
