import {randomUUID} from 'node:crypto'
import {Command} from 'commander'
import type {Finding} from '../../model/index.ts'
import type {CliContext, ExitStatus} from '../context.ts'
import {configOption, datastoreOption, differenceOption, fileOption} from '../document-answer.ts'
import {outputOption} from '../output.ts'
import {readTexts} from '../read-texts.ts'
import type {Finish} from '../run-cli.ts'
import {type WriteOptions, writeDocuments} from '../write-documents.ts'

interface ApplyOptions extends WriteOptions {
  readonly filename: readonly string[]
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
  const [{texts, findings: unread}, {planApply, prefixesOf, validateDocuments}] = await Promise.all([
    readTexts(options.filename),
    import('../../documents/index.ts'),
  ])
  const validated = validateDocuments(texts)
  const findings: Finding[] = [...unread, ...validated.findings]
  if (validated.documents.length === 0 && !findings.some(({severity}) => severity === 'error')) {
    findings.push({
      code: 'document-missing',
      severity: 'error',
      where: {source: `file ${options.filename.join(', ')}`},
      detail: 'no document in it',
    })
  }
  const creationTimestamp = new Date(context.clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z')
  const identities = validated.documents.map(() => ({uid: randomUUID(), creationTimestamp}))
  return writeDocuments(context, options, {
    findings,
    prefixes: prefixesOf(validated.documents.map(({kind}) => kind)),
    plan: (stored) => planApply(validated, stored, identities),
  })
}
