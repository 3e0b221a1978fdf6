import {type ChildProcess, spawn} from 'node:child_process'
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {basename, join} from 'node:path'
import {daemonArgv} from '../gateway-daemon.ts'
import {command, kill, must} from '../processes.ts'
import {follow} from './follow.ts'
import {findKernel, initramfs, VmMissing} from './initramfs.ts'

export {VmMissing} from './initramfs.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const CACHE = join(ROOT, '.cache')

/** What a shell says of a command that Ctrl-C ended. */
const INTERRUPTED = 130

/** Shares of running VMs, so that `lab/exec.ts` finds them; each is mounted inside as /run/vm. */
export const SHARES = '/run/isthmus-vm'

/** Where the command inside finds what `bundles` names: under the name of its file, `x.ts` as `x.mjs`. */
export const BUNDLES = '/run/vm/bundle'
/** Where the lab inside finds the scenario, as the host has read it. */
export const SCENARIO_INSIDE = '/run/vm/scenario.json'

export type Accelerator = 'kvm' | 'tcg'

export interface VmOptions {
  /** Where the command's output goes, as it comes. */
  readonly stdout: (data: Buffer) => void
  readonly stderr: (data: Buffer) => void
  readonly accelerator: Accelerator
  readonly memoryMiB?: number
  readonly signal?: AbortSignal
  /** No end within this time is a hang. */
  readonly timeoutMs?: number
  /** No command begun within this time is a hang too; measured 3 to 4 s emulated, more beside other work. */
  readonly bootTimeoutMs?: number
  /** Whether `lab/exec.ts` may find this VM and run commands in it. */
  readonly takesCommands?: boolean
  /** Sources of ours, by their path from the root, that the command runs: each is put into one file in `BUNDLES`. */
  readonly bundles?: readonly string[]
  /** Texts that the command finds in its share, by their name there. */
  readonly files?: Readonly<Record<string, string>>
}

const BOOT_TIMEOUT_MS = 120_000
/**
 * Without paging of five levels, which each miss of the TLB would pay; without SMAP, which ends a translated block at
 * each copy from or to user space; without protection keys: V8 writes them around each change of code, and each time the
 * whole TLB goes.
 */
export const EMULATED_CPU = 'max,la57=off,smap=off,pku=off'
/**
 * Linux takes the TSCs of several AMD CPUs for unsynchronized, and then reads the time from the HPET: a system call and
 * a device access each time, under QEMU's one lock. Here they are all the host's.
 */
export const EMULATED_CLOCK = 'tsc=reliable clocksource=tsc'
/** Debian's kernel clears all memory that it hands out, and is patient with RCU when a namespace goes: not for a lab. */
const KERNEL_ARGUMENTS = 'console=ttyS0 quiet panic=-1 mitigations=off init_on_alloc=0 rcupdate.rcu_expedited=1'

/** The command inside has this time to clean up; what has not ended then is ended. */
const GRACE_MS = 15_000

/**
 * What runs inside as root, with the host's files under it: sets up, runs the command, powers off. It pauses by reading
 * a pipe that stays empty: a `sleep` is a process each time, and those keep an emulated CPU busy.
 */
function guestScript(argv: readonly string[], accelerator: Accelerator): string {
  const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`
  const passed = ['CI', 'SEED', 'TERM', 'PATH'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [`export ${name}=${quote(value)}`]
  })
  return `cd ${quote(process.cwd())}
export HOME=/root ISTHMUS_ENVIRONMENT=${accelerator}
${passed.join('\n')}
ip link set lo up
ulimit -n 65536
mkfifo /run/pause
exec 9<>/run/pause
: >/run/vm/begun
${argv.map(quote).join(' ')} >/run/vm/stdout 2>/run/vm/stderr </dev/null 9<&- &
pid=$!
while kill -0 $pid 2>/dev/null; do
  if [ -e /run/vm/interrupt ]; then rm -f /run/vm/interrupt; kill -TERM $pid; fi
  for request in /run/vm/exec/*.sh; do
    [ -e "$request" ] || continue
    name=\${request%.sh}
    mv "$request" "$name.running"
    ( bash "$name.running" >"$name.stdout" 2>"$name.stderr"; echo $? >"$name.status.new"; mv "$name.status.new" "$name.status" ) 9<&- &
  done
  read -r -t 0.5 -u 9
done
wait $pid
echo $? >/run/vm/status
sync
echo o >/proc/sysrq-trigger
sleep 10
`
}

/** Boots the distribution's kernel on this machine's own files and runs one command in it; resolves with its exit status. */
export async function runCommandInVm(argv: readonly string[], options: VmOptions): Promise<number> {
  const qemu = '/usr/bin/qemu-system-x86_64'
  if (!existsSync(qemu)) throw new VmMissing('the VM needs QEMU: apt-get install qemu-system-x86')
  const kernel = findKernel()
  const ram = await initramfs(kernel, CACHE)
  if (options.signal?.aborted) return INTERRUPTED
  mkdirSync(SHARES, {recursive: true})
  sweep()
  const share = mkdtempSync(join(SHARES, `${process.pid}-`))
  for (const name of ['stdout', 'stderr']) writeFileSync(join(share, name), '')
  if (options.takesCommands) mkdirSync(join(share, 'exec'))
  if (options.bundles) {
    const folder = join(share, basename(BUNDLES))
    await must([process.execPath, join(ROOT, 'scripts', 'bundle-for-vm.mjs'), folder, ...options.bundles])
  }
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(share, name), text)
  writeFileSync(join(share, 'guest.sh'), guestScript(argv, options.accelerator))
  const console_ = join(share, 'console')
  const virtfs = (path: string, tag: string, more = ''): string[] => [
    '-virtfs',
    `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${more}`,
  ]
  const machine =
    options.accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'qemu64']
      : ['-accel', 'tcg,thread=multi', '-cpu', EMULATED_CPU]
  const clock = options.accelerator === 'kvm' ? '' : ` ${EMULATED_CLOCK}`
  const child: ChildProcess = spawn(
    qemu,
    [
      ...['-M', 'q35', ...machine, '-smp', '2', '-m', String(options.memoryMiB ?? 4096)],
      ...['-display', 'none', '-monitor', 'none', '-serial', `file:${console_}`, '-no-reboot', '-nic', 'none'],
      ...['-kernel', kernel.image, '-initrd', ram, '-append', `${KERNEL_ARGUMENTS}${clock}`],
      ...virtfs('/', 'hostroot', ',readonly=on'),
      ...virtfs(share, 'share'),
    ],
    {stdio: ['ignore', 'ignore', 'pipe'], detached: true},
  )
  if (child.pid !== undefined) writeFileSync(join(share, 'qemu.pid'), `${child.pid}`)
  let complaint = ''
  child.stderr?.on('data', (data: Buffer) => {
    complaint += data.toString()
  })
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', (error) => {
      complaint += error.message
      resolve()
    })
  })

  let ended = 'the VM ended without a result'
  const end = (why: string): void => {
    ended = why
    child.kill('SIGKILL')
  }
  const timers: NodeJS.Timeout[] = []
  const after = (ms: number, act: () => void): void => void timers.push(setTimeout(act, ms))
  const stop = (): void => {
    writeFileSync(join(share, 'interrupt'), '')
    after(GRACE_MS, () => end(`the command in the VM did not end within ${GRACE_MS / 1000} s of being asked to`))
  }
  options.signal?.addEventListener('abort', stop)
  const {timeoutMs, bootTimeoutMs = BOOT_TIMEOUT_MS} = options
  if (timeoutMs) after(timeoutMs, () => end(`the VM was not done within ${timeoutMs / 1000} s`))
  after(bootTimeoutMs, () => {
    if (!existsSync(join(share, 'begun'))) end(`the VM did not boot within ${bootTimeoutMs / 1000} s`)
  })
  const stopFollowing = [follow(join(share, 'stdout'), options.stdout), follow(join(share, 'stderr'), options.stderr)]
  const atExit = (): void => void child.kill('SIGKILL')
  process.once('exit', atExit)
  try {
    await gone
    for (const finish of stopFollowing) finish()
    const status = join(share, 'status')
    if (existsSync(status)) return Number(readFileSync(status, 'utf8'))
    const tail = existsSync(console_) ? readFileSync(console_, 'utf8').split('\n').slice(-15).join('\n') : ''
    throw new Error(`${ended}; qemu: ${complaint.trim()}; its console:\n${tail}`)
  } finally {
    for (const timer of timers) clearTimeout(timer)
    process.off('exit', atExit)
    options.signal?.removeEventListener('abort', stop)
    rmSync(share, {recursive: true, force: true})
  }
}

/** A share bears its owner's pid. */
const hasOwner = (share: string): boolean => existsSync(`/proc/${share.split('-')[0]}`)

/** Ends VMs whose owner was killed hard, and takes their shares away. */
function sweep(): void {
  for (const name of readdirSync(SHARES)) {
    if (hasOwner(name)) continue
    const share = join(SHARES, name)
    const file = join(share, 'qemu.pid')
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
    // The number may be another process's by now: only one that serves this very share is the VM.
    const words = `/proc/${pid}/cmdline`
    if (pid > 1 && existsSync(words) && readFileSync(words, 'utf8').includes(`path=${share},`)) kill(pid, 'SIGKILL')
    rmSync(share, {recursive: true, force: true})
  }
}

/**
 * KVM where it really works: on some nested machines /dev/kvm is there and guests hang. One boot of nothing decides,
 * and is remembered until the next boot of the host.
 */
export async function accelerator(signal: AbortSignal): Promise<Accelerator> {
  if (!existsSync('/dev/kvm')) return 'tcg'
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const memo = join(CACHE, 'accelerator')
  if (existsSync(memo)) {
    const [at, kind] = readFileSync(memo, 'utf8').split(' ')
    if (at === boot) return kind === 'kvm' ? 'kvm' : 'tcg'
  }
  const works = await runCommandInVm(['true'], {
    accelerator: 'kvm',
    stdout: () => undefined,
    stderr: () => undefined,
    memoryMiB: 512,
    timeoutMs: 8000,
    signal,
  }).then(
    (status) => status === 0,
    () => false,
  )
  // A probe cut short says nothing to remember.
  if (signal.aborted) return 'tcg'
  mkdirSync(CACHE, {recursive: true})
  writeFileSync(memo, `${boot} ${works ? 'kvm' : 'tcg'}`)
  return works ? 'kvm' : 'tcg'
}

/**
 * Where Node finds the daemon's code compiled: it takes 0.1 s here, and 10 s of an emulated CPU for each gateway. A daemon
 * without a configuration loads all its code and ends.
 */
async function compiledDaemon(): Promise<string> {
  const folder = join(CACHE, 'compiled')
  rmSync(folder, {recursive: true, force: true})
  await command(['env', `NODE_COMPILE_CACHE=${folder}`, ...daemonArgv('/dev/null')])
  return folder
}

/** Runs the lab with these arguments inside; its output, its exit status, and Ctrl-C are the caller's. */
export async function runInVm(args: readonly string[], loaded: object, why: string): Promise<number> {
  const lab = [process.execPath, `${BUNDLES}/main.mjs`, ...args, '--in-vm']
  const bundles = ['lab/main.ts', 'lab/agent/agent.ts']
  const files = {[basename(SCENARIO_INSIDE)]: JSON.stringify(loaded)}
  const settings = [`ISTHMUS_LAB_AGENT=${BUNDLES}/agent.mjs`, `NODE_COMPILE_CACHE=${await compiledDaemon()}`]
  return passThrough(['env', ...settings, ...lab], {why, bundles, files})
}

/** Runs any command inside with this process's own output, passing on its signals. */
export async function passThrough(
  argv: readonly string[],
  {why = null, ...rest}: {why?: string | null} & Pick<VmOptions, 'bundles' | 'files'> = {},
): Promise<number> {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort())
  const kind = await accelerator(stopping.signal)
  if (stopping.signal.aborted) return INTERRUPTED
  const cpu = kind === 'kvm' ? '' : ' on an emulated CPU, since KVM does not work here: everything takes longer'
  if (why !== null) process.stderr.write(`${why}: the lab runs in a VM with the distribution's kernel${cpu}.\n`)
  return runCommandInVm(argv, {
    accelerator: kind,
    stdout: (data) => void process.stdout.write(data),
    stderr: (data) => void process.stderr.write(data),
    signal: stopping.signal,
    takesCommands: why !== null,
    ...rest,
  })
}

/** Where the running VM of a lab takes commands; null when there is none. */
export function runningShare(): string | null {
  if (!existsSync(SHARES)) return null
  const shares = readdirSync(SHARES).filter((name) => hasOwner(name) && existsSync(join(SHARES, name, 'exec')))
  const last = shares.at(-1)
  return last === undefined ? null : join(SHARES, last, 'exec')
}
