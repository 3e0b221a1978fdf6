import {Command} from 'commander'
import type {World} from '../../model/index.ts'
import {type CliContext, EXIT, type ExitStatus} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {
  configOption,
  type Offline,
  type OfflineOptions,
  policyOption,
  readOffline,
  snapshotOption,
} from '../read-offline.ts'
import type {Finish} from '../run-cli.ts'

interface DiffOptions extends OfflineOptions {
  readonly after?: readonly string[]
  readonly afterConfig?: string
  readonly staged?: boolean
  readonly output: Format
}

/** `isthmus policy diff`: what opens and what closes between two policy sets. */
export function policyDiffCommand(context: CliContext, finish: Finish): Command {
  return new Command('diff')
    .description('what opens and closes: classes, protocols and ports')
    .option(...snapshotOption)
    .option(...policyOption)
    .option('--staged', 'after: with the staged policies in force')
    .option('--after <path...>', 'the state after, instead of that before')
    .option('--after-config <file>', 'the configuration after, where it changes too')
    .option(...configOption)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (options: DiffOptions, command: Command) => {
      const {policy, staged, after, afterConfig} = options
      if (!policy && !staged && !after && afterConfig === undefined) {
        command.error('error: nothing to compare with: --policy, --staged, --after or --after-config')
      }
      finish(await difference(context, options))
    })
}

async function difference(context: CliContext, options: DiffOptions): Promise<ExitStatus> {
  const {config, snapshot, policy, after = snapshot, afterConfig = config} = options
  // What is wrong with both is told once.
  const told = new Set<string>()
  const once: CliContext = {
    ...context,
    err: (text) => {
      if (!told.has(text)) context.err(text)
      told.add(text)
    },
  }
  const before = await readOffline(once, {config, ...given(snapshot)}, true)
  const next =
    before && (await readOffline(once, {config: afterConfig, ...given(after), ...(policy ? {policy} : {})}, true))
  if (!before || !next) return EXIT.finding
  const {comparePolicies, printDifference} = await import('../../policy/index.ts')
  const rows = comparePolicies(setOf(before), setOf(next, options.staged))
  if (!rows) {
    context.err('one of the two policy sets is too large to be enforced\n')
    return EXIT.finding
  }
  if (!(await printValue(context, options.output, rows))) context.out(printDifference(rows))
  return rows.length > 0 ? EXIT.finding : EXIT.fine
}

const given = (snapshot: readonly string[] | undefined) => (snapshot ? {snapshot} : {})

const setOf = ({world, config}: Offline, staged = false) => ({
  world: staged ? {...world, policies: withStaged(world)} : world,
  default: config.default,
})

/** Staged policies in force, in the place of those of their names; a staged deletion leaves the place empty. */
function withStaged({policies: {tiers, policies}, staged}: World): World['policies'] {
  const meant = staged.filter(({stagedAction}) => stagedAction !== 'Ignore')
  const names = new Set(meant.map(({meta}) => meta.name))
  const set = meant.filter(({stagedAction}) => stagedAction !== 'Delete')
  const enacted = set.map((policy) => ({...policy, kind: 'GlobalNetworkPolicy' as const}))
  return {tiers, policies: [...policies.filter(({meta}) => !names.has(meta.name)), ...enacted]}
}
