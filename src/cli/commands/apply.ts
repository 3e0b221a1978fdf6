import {randomUUID} from 'node:crypto'
import {Command} from 'commander'
import type {Answer} from '../../documents/index.ts'
import type {Finding} from '../../model/index.ts'
import {type CliContext, EXIT, type ExitStatus} from '../context.ts'
import {
  type Announced,
  announceEffect,
  answerDocuments,
  configOption,
  datastoreOption,
  differenceOption,
  fileOption,
  inParts,
  tooBusy,
} from '../document-answer.ts'
import {openDocumentStore, planAndWrite, storeFailure} from '../document-store.ts'
import {type Format, outputOption} from '../output.ts'
import {readTexts} from '../read-texts.ts'
import type {Finish} from '../run-cli.ts'

interface ApplyOptions {
  readonly filename: readonly string[]
  readonly config: string
  readonly datastore?: string
  readonly dryRun?: boolean
  readonly difference: boolean
  readonly output: Format
}

/** `isthmus apply -f`: stores global policy documents; all of them, or where one is wrong none. */
export function applyCommand(context: CliContext, finish: Finish): Command {
  return new Command('apply')
    .description('store policy documents: all of them, or none if one is wrong')
    .addOption(fileOption().makeOptionMandatory())
    .addOption(configOption())
    .addOption(datastoreOption())
    .option('--dry-run', 'say what would be done, and do nothing')
    .addOption(differenceOption())
    .addOption(outputOption())
    .action(async (options: ApplyOptions) => finish(await applyDocuments(context, options)))
}

async function applyDocuments(context: CliContext, options: ApplyOptions): Promise<ExitStatus> {
  const {output, dryRun = false} = options
  const [{texts, findings: unread}, documents] = await Promise.all([
    readTexts(options.filename),
    import('../../documents/index.ts'),
  ])
  const validated = documents.validateDocuments(texts)
  const findings: Finding[] = [...unread, ...validated.findings]
  let announced: Announced = {}
  const isWrong = (): boolean => findings.some(({severity}) => severity === 'error')
  const answer = (answers: readonly Answer[], status: ExitStatus, isPartial = false): Promise<ExitStatus> => {
    const told = isWrong() && !isPartial ? [] : answers
    return answerDocuments(context, output, {...announced, dryRun, answers: told, findings, isPartial}, status)
  }

  if (!isWrong() && validated.documents.length === 0) {
    findings.push({
      code: 'document-missing',
      severity: 'error',
      where: {source: `file ${options.filename.join(', ')}`},
      detail: 'no document in it',
    })
  }
  const opened = await openDocumentStore(options.config, options.datastore)
  if ('findings' in opened) {
    findings.push(...opened.findings)
    return answer([], opened.status)
  }
  const {store} = opened
  const creationTimestamp = new Date(context.clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z')
  const identities = validated.documents.map(() => ({uid: randomUUID(), creationTimestamp}))
  try {
    const written = await planAndWrite(
      store,
      documents.prefixesOf(validated.documents.map(({kind}) => kind)),
      // With a mistake in one the others are planned all the same: a tier that does not exist is to be told now too.
      dryRun || isWrong(),
      (stored) => documents.planApply(validated, stored, identities),
      async (plan) => {
        if (options.difference && !isWrong()) announced = await announceEffect(context, output, store, plan, findings)
      },
    )
    findings.push(...written.findings)
    if (written.gaveUp) findings.push(tooBusy(store.datastore))
    if (written.transactions > 1) findings.push(inParts(store.datastore, written.transactions))
    return answer(written.answers, isWrong() ? EXIT.finding : EXIT.fine, written.transactions > 0)
  } catch (error) {
    const isRefused = isWrong()
    const {finding, status} = await storeFailure(error, store.datastore)
    findings.push(finding)
    return answer([], isRefused ? EXIT.finding : status, !isRefused && !dryRun)
  } finally {
    store.close()
  }
}
