import {Command, InvalidArgumentError} from 'commander'
import {formatFinding, printable} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus, explain} from '../context.ts'
import type {Proof} from '../end-to-end/proof.ts'
import {meant} from '../nearest.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {painterOf} from '../paint.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

interface TestOptions {
  readonly site?: readonly string[]
  readonly seed?: number
  readonly disruptive?: boolean
  readonly yes?: boolean
  readonly config: string
  readonly output: Format
}

const MOST_SEED = 2 ** 31

const seedOf = (text: string): number => {
  if (/^\d{1,10}$/.test(text) && Number(text) < MOST_SEED) return Number(text)
  throw new InvalidArgumentError(`a whole number below ${MOST_SEED}`)
}

/** `isthmus test`: proves from this gateway that the sites are joined, end to end; as root. */
export function testCommand(context: CliContext, finish: Finish): Command {
  return new Command('test')
    .description('prove from this gateway that the sites are joined, end to end')
    .option('--site <names>', 'only these sites, with commas between', (text: string) => text.split(','))
    .option('--seed <number>', 'which endpoints and ports are sampled; what a run before has printed', seedOf)
    .option('--disruptive', 'then also take one tunnel down, and restart BIRD and the daemon: packets may be lost')
    .option('--yes', 'do not ask before that')
    .option('--config <file>', "the gateway's configuration", DEFAULT_CONFIG)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (options: TestOptions, self: Command) => {
      if (context.remote?.())
        self.error('error: it is done on the gateway itself: not with --url', {exitCode: EXIT.usage})
      const {socket} = self.optsWithGlobals<{socket: string}>()
      const {config, findings} = await readGatewayConfig(options.config)
      for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
      if (!config) return finish(EXIT.finding)
      const known: string[] = [...config.sites.keys()]
      const unknown = options.site?.find((name) => !known.includes(name))
      if (unknown !== undefined) {
        const near = meant(unknown, known) || `; remote sites are ${known.join(', ')}`
        return self.error(`error: no remote site '${unknown}'${near}`, {exitCode: EXIT.usage})
      }
      const {disruptive = false, yes = false} = options
      if (disruptive && !yes && !(await isConfirmed(context, self))) return finish(EXIT.finding)
      const seed = options.seed ?? context.clock.nowMs() % MOST_SEED
      const {proveSites} = await import('../end-to-end/prove.ts')
      const proven = await proveSites({
        context,
        api: context.api(socket),
        config,
        seed,
        disruptive,
        sites: options.site ?? known,
      })
      if (!proven.ok) return finish(explain(context, socket, proven))
      finish(await printProofs(context, options.output, seed, proven.value))
    })
}

async function isConfirmed(context: CliContext, command: Command): Promise<boolean> {
  if (!context.ask)
    return command.error('error: --disruptive needs --yes where nobody can be asked', {exitCode: EXIT.usage})
  context.out('One tunnel is taken down, BIRD and the daemon are restarted; packets may be lost. Go on? [y/N] ')
  const isYes = /^y(es)?$/i.test(((await context.ask()) ?? '').trim())
  if (!isYes) context.err('nothing was done\n')
  return isYes
}

async function printProofs(
  context: CliContext,
  output: Format,
  seed: number,
  proofs: readonly Proof[],
): Promise<ExitStatus> {
  const {proofLines, statusOf} = await import('../end-to-end/proof.ts')
  const status = statusOf(proofs)
  if (await printValue(context, output, {ok: status === EXIT.fine, seed, checks: proofs})) return status
  const paint = painterOf(context)
  for (const proof of proofs) for (const line of proofLines(proof, paint)) context.out(`${printable(line)}\n`)
  const count = (...results: readonly string[]): number => proofs.filter(({result}) => results.includes(result)).length
  const numbers = `${count('ok')} ok, ${count('failed')} failed, ${count('skipped', 'unknown')} not looked at`
  context.out(`${numbers}; --seed ${seed} samples the same\n`)
  return status
}
