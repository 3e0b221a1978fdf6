import type {DocumentPlan, Stored} from '../documents/index.ts'
import type {Finding} from '../model/index.ts'
import {type CliContext, EXIT, type ExitStatus} from './context.ts'
import {type Announced, announceEffect, answerDocuments, inParts, tooBusy} from './document-answer.ts'
import {openDocumentStore, planAndWrite, storeFailure} from './document-store.ts'
import type {Format} from './output.ts'

/** What `apply` and `delete` have in common on the command line. */
export interface WriteOptions {
  readonly config: string
  readonly datastore?: string
  readonly dryRun?: boolean
  readonly difference: boolean
  readonly output: Format
}

export interface WriteRequest {
  /** What is wrong with the request itself: then it is planned all the same, so that all mistakes are told at once. */
  readonly findings: readonly Finding[]
  readonly prefixes: readonly string[]
  readonly plan: (stored: Stored, sent: ReadonlySet<string>) => DocumentPlan
}

/** Plans, shows what it means for flows, writes and answers: everything, or where something is wrong nothing. */
export async function writeDocuments(
  context: CliContext,
  {config, datastore, dryRun = false, difference, output}: WriteOptions,
  request: WriteRequest,
): Promise<ExitStatus> {
  const findings: Finding[] = [...request.findings]
  const isWrong = (): boolean => findings.some(({severity}) => severity === 'error')
  const opened = await openDocumentStore(config, datastore)
  if ('findings' in opened) {
    findings.push(...opened.findings)
    return answerDocuments(context, output, {dryRun, answers: [], findings}, opened.status)
  }
  const {store} = opened
  const isRefused = isWrong()
  let announced: Announced = {}
  const announce = async (planned: DocumentPlan): Promise<void> => {
    if (difference && !isRefused) announced = await announceEffect(context, output, store, planned, findings)
  }
  try {
    const written = await planAndWrite(store, request.prefixes, dryRun || isRefused, request.plan, announce)
    findings.push(...written.findings)
    if (written.gaveUp) findings.push(tooBusy(store.datastore))
    if (written.transactions > 1) findings.push(inParts(store.datastore, written.transactions))
    const isPartial = written.transactions > 0
    const answers = isWrong() && !isPartial ? [] : written.answers
    const status = isWrong() ? EXIT.finding : EXIT.fine
    return await answerDocuments(context, output, {...announced, dryRun, answers, findings, isPartial}, status)
  } catch (error) {
    const {finding, status} = await storeFailure(error, store.datastore)
    findings.push(finding)
    const told = {...announced, dryRun, answers: [], findings, isPartial: !isRefused && !dryRun}
    return await answerDocuments(context, output, told, isRefused ? EXIT.finding : status)
  } finally {
    store.close()
  }
}
