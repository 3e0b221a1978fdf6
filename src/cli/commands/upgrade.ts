import {execFile} from 'node:child_process'
import {createHash} from 'node:crypto'
import {chmod, copyFile, mkdir, mkdtemp, open, readFile, rename, rm, stat} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {promisify} from 'node:util'
import {Command, InvalidArgumentError} from 'commander'
import {ifMissing} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus} from '../context.ts'
import type {Finish} from '../run-cli.ts'
import {
  type Journal,
  keepInstalled,
  type PackageFacts,
  resume,
  rollBack,
  type UpgradeMachine,
  UpgradeRefused,
  upgrade,
} from '../upgrade.ts'

const run = promisify(execFile)

/** Root's: what the daemon could write here, root would install. */
const FOLDER = '/var/lib/isthmus-packages'
const ASK_EVERY_MS = 500

interface UpgradeOptions {
  readonly keep?: boolean
  readonly resume?: boolean
  readonly sha256?: string
  readonly within: number
  readonly config: string
}

/** `isthmus upgrade FILE|rollback`: another version of the package, and back by itself where it does not become ready. */
export function upgradeCommand(context: CliContext, finish: Finish): Command {
  return new Command('upgrade')
    .description('install another version of the package; goes back by itself where its gateway does not become ready')
    .argument('[file]', 'the package, with its checksum beside it as FILE.sha256; or `rollback`: the version before')
    .option('--sha256 <hex>', 'its checksum, where it does not lie beside it')
    .option('--keep', 'only keep the package of the version that is installed, as the way back of the first upgrade')
    .option('--resume', 'end an upgrade that was cut off; the machine does it when it boots')
    .option('--within <seconds>', 'how long a gateway may take to become ready', parseSeconds, 60)
    .option('--config <file>', 'the configuration that the new version must take', DEFAULT_CONFIG)
    .action(async (file: string | undefined, options: UpgradeOptions, command: Command) =>
      finish(await act(context, file, options, command.optsWithGlobals().socket)),
    )
}

async function act(
  context: CliContext,
  file: string | undefined,
  options: UpgradeOptions,
  socket: string,
): Promise<ExitStatus> {
  if (process.geteuid?.() !== 0) {
    context.err('only root may install packages\n')
    return EXIT.usage
  }
  const machine = machineOf(context, options, socket)
  try {
    if (options.resume) await resume(machine)
    else if (file === undefined) throw new UpgradeRefused('name a package, or `rollback`')
    else if (file === 'rollback') await rollBack(machine)
    else if (options.keep) await keepInstalled(machine, path.resolve(file))
    else await upgrade(machine, path.resolve(file))
    return EXIT.fine
  } catch (error) {
    context.err(`${error instanceof Error ? error.message : String(error)}\n`)
    return error instanceof UpgradeRefused ? EXIT.finding : EXIT.usage
  }
}

function machineOf(context: CliContext, {sha256, within, config}: UpgradeOptions, socket: string): UpgradeMachine {
  const journalFile = path.join(FOLDER, 'journal.json')
  const nameOf = ({version, architecture}: PackageFacts): string =>
    path.join(FOLDER, `isthmus_${version}_${architecture}.deb`)
  const architecture = async (): Promise<string> => (await run('dpkg', ['--print-architecture'])).stdout.trim()
  return {
    architecture,
    async installed() {
      const {stdout} = await run('dpkg-query', ['-W', '-f', '$'.concat('{db:Status-Status} $', '{Version}'), 'isthmus'])
      const [status, version] = stdout.split(' ')
      return {version: version ?? '', whole: status === 'installed'}
    },
    async facts(file) {
      const {stdout} = await run('dpkg-deb', ['--field', file, 'Package', 'Version', 'Architecture'])
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stdout)?.[1] ?? ''
      return {name: field('Package'), version: field('Version'), architecture: field('Architecture')}
    },
    async distrust(file) {
      const beside = sha256 ?? (await readFile(`${file}.sha256`, 'utf8').catch(ifMissing(null)))?.split(/\s/)[0]
      if (beside === undefined)
        return `${file}.sha256 is not there: get it from where the package is from, or give --sha256`
      const is = createHash('sha256')
        .update(await readFile(file))
        .digest('hex')
      return is === beside.toLowerCase() ? null : `${file} is not what its checksum says: it is cut off or changed`
    },
    async refusal(file) {
      const folder = await mkdtemp(path.join(tmpdir(), 'isthmus-upgrade-'))
      try {
        await run('dpkg-deb', ['-x', file, folder])
        const inside = path.join(folder, 'usr/lib/isthmus')
        const words = [path.join(inside, 'isthmus.mjs'), 'check', config, '-o', 'json']
        const {stdout} = await run(path.join(inside, 'node'), words).catch((error: {stdout?: string}) => ({
          stdout: error.stdout ?? '',
        }))
        const answer: {ok?: boolean; findings?: {detail: string}[]} = stdout === '' ? {} : JSON.parse(stdout)
        return answer.ok ? null : (answer.findings?.map(({detail}) => detail).join('; ') ?? 'it does not say why')
      } finally {
        await rm(folder, {recursive: true, force: true})
      }
    },
    async kept(version) {
      const place = nameOf({name: 'isthmus', version, architecture: await architecture()})
      return (await stat(place).catch(ifMissing(null))) ? place : null
    },
    async keep(file, facts) {
      const place = nameOf(facts)
      await mkdir(FOLDER, {recursive: true, mode: 0o700})
      await chmod(FOLDER, 0o700)
      await copyFile(file, `${place}.new`)
      await synced(`${place}.new`)
      await rename(`${place}.new`, place)
      return place
    },
    async install(file) {
      await dpkg('--install', file)
    },
    async configureOthers() {
      await dpkg('--configure', '--pending').catch((error: Error) => context.err(`${error.message}\n`))
    },
    async becomesReady(version) {
      const until = performance.now() + within * 1000
      while (performance.now() < until) {
        const answer = await context.api(socket).status()
        if (answer.ok && answer.value.ready && answer.value.version === version) return true
        await delay(ASK_EVERY_MS)
      }
      return false
    },
    async journal() {
      const text = await readFile(journalFile, 'utf8').catch(ifMissing(null))
      return text === null ? {pending: null, previous: null} : (JSON.parse(text) as Journal)
    },
    async note(journal) {
      await mkdir(FOLDER, {recursive: true, mode: 0o700})
      // What systemd looks for when the machine boots: there as long as anything is pending.
      const mark = path.join(FOLDER, 'pending')
      if (journal.pending !== null) await (await open(mark, 'w', 0o600)).close()
      const handle = await open(`${journalFile}.new`, 'w', 0o600)
      try {
        await handle.writeFile(`${JSON.stringify(journal)}\n`)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(`${journalFile}.new`, journalFile)
      if (journal.pending === null) await rm(mark, {force: true})
    },
    say: (line) => context.out(`${line}\n`),
  }
}

const dpkg = (...words: string[]) =>
  run('dpkg', words, {env: {...process.env, DEBIAN_FRONTEND: 'noninteractive'}, maxBuffer: 1 << 26})

async function synced(file: string): Promise<void> {
  const handle = await open(file, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 3600) return seconds
  throw new InvalidArgumentError('must be whole seconds, from 1 to 3600.')
}
