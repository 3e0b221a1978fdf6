import {Command} from 'commander'
import {type CliContext, EXIT, type ExitStatus} from '../context.ts'
import {configOption, type OfflineOptions, policyOption, readOffline, snapshotOption, tell} from '../read-offline.ts'
import type {Finish} from '../run-cli.ts'

interface CompileOptions extends OfflineOptions {
  readonly gateway?: string
  readonly full?: boolean
}

/** `isthmus policy compile`: the ruleset that a gateway would load, as text for nft. */
export function policyCompileCommand(context: CliContext, finish: Finish): Command {
  return new Command('compile')
    .description('the ruleset of a gateway: table inet isthmus')
    .option(...snapshotOption)
    .option('--gateway <name>', 'whose; the configuration must be its own')
    .option('--full', 'with anti-spoofing and input, not the judgement alone')
    .option(...policyOption)
    .option(...configOption)
    .action(async (options: CompileOptions) => finish(await compile(context, options)))
}

async function compile(context: CliContext, options: CompileOptions): Promise<ExitStatus> {
  const offline = await readOffline(context, options)
  if (!offline) return EXIT.finding
  const {config, world} = offline
  if (options.gateway !== undefined && options.gateway !== config.gateway) {
    context.err(`${options.config} is of gateway ${config.gateway}: --config must name that of ${options.gateway}\n`)
    return EXIT.usage
  }
  const [{compilePolicy}, {plan}, {printRuleset, reachableFrom}] = await Promise.all([
    import('../../policy/index.ts'),
    import('../../plan/index.ts'),
    import('../print-ruleset.ts'),
  ])
  const policy = compilePolicy(world, {
    default: config.default,
    stagedPackets: config.stagedPackets,
    previous: null,
    firstClass: 1,
  })
  tell(context, policy.findings)
  // Keys and passwords are made and read by the gateway; a tunnel without its key is not in the ruleset.
  const {desired, wantedKeys} = plan({
    ...{
      config,
      world,
      policy,
      keys: new Map(),
      passwords: new Map(),
      uplinkDevices: [],
      devices: new Map(),
      draining: false,
      limits: new Map(),
    },
  })
  if (options.full && wantedKeys.length > 0) {
    context.err(`without ${wantedKeys.length} WireGuard tunnels: their keys and ports are made by the gateway\n`)
  }
  context.out(printRuleset(options.full ? desired.nft : reachableFrom('judge', desired.nft)))
  return policy.findings.some(({code}) => code === 'policy-too-large') ? EXIT.finding : EXIT.fine
}
