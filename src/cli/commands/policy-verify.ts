import {Command} from 'commander'
import type {Assertion, Verified} from '../../policy/index.ts'
import {type CliContext, EXIT, type ExitStatus} from '../context.ts'
import {describeJudgement} from '../describe-judgement.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {readInput} from '../read-input.ts'
import {configOption, type OfflineOptions, policyOption, readOffline, snapshotOption} from '../read-offline.ts'
import type {Finish} from '../run-cli.ts'

interface VerifyOptions extends OfflineOptions {
  readonly output: Format
}

/** `isthmus policy verify`: proves assertions, for pipelines. */
export function policyVerifyCommand(context: CliContext, finish: Finish): Command {
  return new Command('verify')
    .description('prove assertions over all addresses; status 1 where one does not hold')
    .argument('<file>', 'assertions; - is stdin')
    .option(...snapshotOption)
    .option(...policyOption)
    .option(...configOption)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (file: string, options: VerifyOptions) => finish(await verify(context, file, options)))
}

/** 2 where nothing was judged: a pipeline must be able to tell that from an assertion that does not hold. */
async function verify(context: CliContext, file: string, options: VerifyOptions): Promise<ExitStatus> {
  const assertions = await readAssertions(context, file)
  const offline = assertions && (await readOffline(context, options, true))
  if (!assertions || !offline) return EXIT.usage
  const {printFlow, verifyAssertions} = await import('../../policy/index.ts')
  const verified = verifyAssertions({world: offline.world, default: offline.config.default}, assertions)
  if (!verified) {
    context.err('the policy is too large to be enforced\n')
    return EXIT.usage
  }
  const ok = verified.every(({result}) => result === 'holds')
  if (!(await printValue(context, options.output, {file, ok, assertions: verified}))) {
    for (const one of verified) context.out(describe(one, printFlow))
  }
  return ok ? EXIT.fine : EXIT.finding
}

function describe(
  verified: Verified,
  printFlow: (flow: NonNullable<Verified['counterExample']>['flow']) => string,
): string {
  const {name, result, pairs, failing, why, counterExample} = verified
  if (result === 'empty') return `EMPTY ${name}\n      ${why}: it proves nothing\n`
  if (!counterExample) return `ok    ${name} (${pairs} pairs of classes)\n`
  const {flow, fromNames, toNames, judgement} = counterExample
  const named = [...fromNames.slice(0, 1), ...(toNames.length > 0 ? ['→', ...toNames.slice(0, 1)] : [])].join(' ')
  return [
    `FAIL  ${name} (${failing} of ${pairs} pairs of classes)`,
    `      ${printFlow(flow)}${named === '' ? '' : ` (${named})`}`,
    `      ${describeJudgement(judgement)}`,
    '',
  ].join('\n')
}

/** null where the file cannot be read whole; what is wrong is told as `FILE:LINE:COLUMN: …`. */
async function readAssertions(context: CliContext, file: string): Promise<readonly Assertion[] | null> {
  let text: string
  try {
    text = await readInput(file)
  } catch (error) {
    context.err(`${error instanceof Error ? error.message : String(error)}\n`)
    return null
  }
  const [{printPath, readYaml}, {parseAssertions}] = await Promise.all([
    import('../../yaml/index.ts'),
    import('../../policy/index.ts'),
  ])
  const document = readYaml(text)
  for (const {line, column, message} of document.faults)
    context.err(`${file}:${line}:${column}: not YAML: ${message}\n`)
  if (document.faults.length > 0) return null
  const {assertions, problems} = parseAssertions(document.value)
  for (const {path, detail} of problems) {
    const {line, column} = document.at(path)
    context.err(`${file}:${line}:${column}: ${path.length > 0 ? `${printPath(path)}: ` : ''}${detail}\n`)
  }
  return problems.length > 0 ? null : assertions
}
