import {spawn, spawnSync} from 'node:child_process'
import {existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'

/**
 * This machine's Debian once more, as a container with systemd as its first process: the files of the host under an overlay
 * that goes when it ends, its own processes, network, mounts and control groups. systemd sets up units there as it does on
 * a machine: users, capabilities, seccomp filters, mounts. `MACHINE_ROOT` names a folder with another distribution's files
 * (`mmdebstrap jammy FOLDER …`, with what scripts/packages.txt names).
 */
export interface SystemdMachine {
  /** Runs a shell line in it; throws with what it said when it fails. */
  run(line: string, input?: string | Buffer): string
  /** The same, of a line that may fail. */
  attempt(
    line: string,
    input?: string | Buffer,
  ): {readonly status: number; readonly stdout: string; readonly stderr: string}
  stop(): void
}

/** What makes the container, run in namespaces of its own; `$1` is an empty folder, `$2` has the files. */
const ENTER = `set -e
mount --make-rprivate /
mount -t tmpfs -o size=3g tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
R="$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$R"
mount -t proc proc "$R/proc"
mount -t sysfs sysfs "$R/sys"
mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$R/dev"
for device in null zero full random urandom tty; do cp -a "/dev/$device" "$R/dev/$device"; done
mkdir "$R/dev/pts" "$R/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$R/dev/pts"
ln -s pts/ptmx "$R/dev/ptmx"
ln -s /proc/self/fd "$R/dev/fd"
for place in dev/shm run tmp; do mount -t tmpfs -o mode=1777 tmpfs "$R/$place"; done
chmod 755 "$R/run"
: >"$R/etc/fstab"
# The lab keeps services of packages from starting; here they start.
rm -f "$R/usr/sbin/policy-rc.d"
# As on a machine: what systemd mounts for a unit outside of it, the unit sees.
mount --make-rshared /
cd "$R"
exec env -i container=isthmus-test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$R" /lib/systemd/systemd --system --log-target=null
`
const NAMESPACES = ['--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup']
const BOOTS_WITHIN_MS = 60_000

/** Why there can be no such machine here; null: there can. */
export function systemdMachineMissing(): string | null {
  if (!existsSync('/lib/systemd/systemd')) return 'systemd is not installed'
  const probe = spawnSync('unshare', [...NAMESPACES, '--fork', 'mount', '-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup'])
  return probe.status === 0 ? null : `no namespaces with cgroup2: ${probe.stderr}`
}

export async function startSystemdMachine(): Promise<SystemdMachine> {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-machine-'))
  const child = spawn(
    'unshare',
    [...NAMESPACES, '--fork', '--kill-child', 'sh', '-c', ENTER, 'sh', folder, process.env.MACHINE_ROOT ?? '/'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  const stop = (): void => {
    child.kill('SIGKILL')
    rmSync(folder, {recursive: true, force: true})
  }
  process.once('exit', stop)
  const attempt: SystemdMachine['attempt'] = (line, input = '') => {
    const first = firstProcessOf(child.pid!)
    if (first === null) return {status: 1, stdout: '', stderr: 'the machine is not there'}
    const words = ['-t', first, '-m', '-p', '-n', '-u', '-i', '-C', '-r', '-w', 'sh', '-ec', line]
    const {status, stdout, stderr} = spawnSync('nsenter', words, {input, maxBuffer: 1 << 28})
    return {status: status ?? 1, stdout: stdout.toString(), stderr: stderr.toString()}
  }
  const until = performance.now() + BOOTS_WITHIN_MS
  while (!/^(running|degraded)$/m.test(attempt('systemctl is-system-running || true').stdout)) {
    if (child.exitCode !== null || performance.now() > until) {
      stop()
      throw new Error(`no systemd machine within ${BOOTS_WITHIN_MS / 1000} s: ${complaint}`)
    }
    await delay(200)
  }
  return {
    attempt,
    run(line, input) {
      const {status, stdout, stderr} = attempt(line, input)
      if (status !== 0) throw new Error(`${line}: status ${status}\n${stdout}${stderr}`)
      return stdout
    },
    stop() {
      process.off('exit', stop)
      stop()
    },
  }
}

/** systemd itself: unshare's only child. */
function firstProcessOf(unshare: number): string | null {
  try {
    return readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'utf8').trim().split(' ')[0] || null
  } catch {
    return null
  }
}
