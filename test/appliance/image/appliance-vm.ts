import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {type Accelerator, accelerator} from '../../../lab/vm/index.ts'

/** One appliance in QEMU, booted from its disk as a machine would be, with a NoCloud seed, serial console and SSH. */
export interface Appliance {
  /** All that the console has said since the power came. */
  readonly console: () => string
  /** Status and output of a command, as root; status 255: nobody answered. */
  readonly ssh: (command: string, input?: string | Buffer) => {status: number; output: string}
  /** When the console says this; rejects after `seconds`, with what it said last. */
  readonly says: (what: RegExp, seconds: number) => Promise<void>
  /** When SSH answers. */
  readonly answers: (seconds: number) => Promise<void>
  /** Power comes (again). */
  readonly power: () => void
  /** Power goes, at once. */
  readonly cut: () => Promise<void>
}

export interface Wish {
  readonly name: string
  readonly image: string
  readonly sshPort: number
  /** A wire between two of them: a port of the loopback device. */
  readonly wire?: {readonly port: number; readonly end: 'listens' | 'connects'}
  readonly userData?: string
  readonly networkConfig?: string
}

/** Emulation has the CPU that the lab's VM has; KVM, where the lab found that it works. */
const CPU = {kvm: ['-accel', 'kvm', '-cpu', 'host'], tcg: ['-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off']}
const SERIAL = ['-display', 'none', '-monitor', 'none', '-serial', 'stdio']

export interface Bench {
  readonly appliance: (wish: Wish) => Appliance
  readonly folder: string
  readonly close: () => Promise<void>
}

/** Appliances with a key of their own, and a folder that goes with them. */
export async function createBench(): Promise<Bench> {
  const kind = await accelerator(new AbortController().signal)
  const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-appliances-'))
  const key = path.join(folder, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const all: Appliance[] = []
  return {
    folder,
    appliance: (wish) => {
      const one = makeAppliance(wish, path.join(folder, wish.name), key, kind)
      all.push(one)
      return one
    },
    close: async () => {
      await Promise.all(all.map((one) => one.cut()))
      rmSync(folder, {recursive: true})
    },
  }
}

function makeAppliance(wish: Wish, folder: string, key: string, kind: Accelerator): Appliance {
  mkdirSync(folder)
  const disk = path.join(folder, 'disk.qcow2')
  const seed = makeSeed(wish, folder, execFileSync('cat', [`${key}.pub`], {encoding: 'utf8'}).trim())
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', wish.image, disk, '8G'])
  const wire = wish.wire && `${wish.wire.end === 'listens' ? 'listen' : 'connect'}=127.0.0.1:${wish.wire.port}`
  const arguments_ = [
    ...[...CPU[kind], '-smp', '2', '-m', '1024', ...SERIAL],
    ...['-drive', `file=${disk},if=virtio`, '-drive', `file=${seed},if=virtio,format=raw,readonly=on`],
    ...['-nic', `user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:${wish.sshPort}-:22`],
    ...(wire ? ['-nic', `socket,model=virtio-net-pci,mac=52:54:00:00:00:0${wish.sshPort % 10},${wire}`] : []),
    ...['-device', 'i6300esb', '-rtc', 'base=utc'],
  ]
  let machine: ChildProcess | null = null
  let said = ''
  const power = (): void => {
    said = ''
    machine = spawn('qemu-system-x86_64', arguments_, {stdio: ['ignore', 'pipe', 'pipe']})
    for (const stream of [machine.stdout!, machine.stderr!]) {
      stream.on('data', (chunk) => {
        said += String(chunk).replaceAll('\r', '')
      })
    }
  }
  const ssh: Appliance['ssh'] = (command, input) => {
    const options = ['-i', key, '-p', `${wish.sshPort}`, '-o', 'StrictHostKeyChecking=no', '-o', 'ConnectTimeout=20']
    const quiet = ['-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes']
    const {status, stdout} = spawnSync('ssh', [...options, ...quiet, 'root@127.0.0.1', `{ ${command}\n} 2>&1`], {
      encoding: 'utf8',
      input,
      timeout: 600_000,
      maxBuffer: 1 << 26,
    })
    return {status: status ?? 255, output: stdout}
  }
  const until = async (seconds: number, what: string, done: () => boolean): Promise<void> => {
    const end = Date.now() + seconds * 1000
    while (!done()) {
      if (Date.now() > end)
        throw new Error(`${wish.name}: ${what}: not within ${seconds} s; it said last:\n${said.slice(-3000)}`)
      if (machine?.exitCode !== null && machine?.exitCode !== undefined)
        throw new Error(`${wish.name}: QEMU ended: ${said.slice(-2000)}`)
      await new Promise((go) => setTimeout(go, 1000))
    }
  }
  return {
    console: () => said,
    ssh,
    says: (what, seconds) => until(seconds, `${what}`, () => what.test(said)),
    answers: (seconds) => until(seconds, 'SSH', () => ssh('true').status === 0),
    power,
    cut: async () => {
      if (!machine || machine.exitCode !== null) return
      const gone = once(machine, 'exit')
      machine.kill('SIGKILL')
      await gone
    },
  }
}

/** A FAT file system with the label that cloud-init looks for. */
function makeSeed(wish: Wish, folder: string, publicKey: string): string {
  const files = {
    'meta-data': `instance-id: ${wish.name}\nlocal-hostname: ${wish.name}\n`,
    'user-data': `#cloud-config\ndisable_root: false\nusers:\n  - default\n  - {name: root, ssh_authorized_keys: ["${publicKey}"]}\n${wish.userData ?? ''}`,
    ...(wish.networkConfig ? {'network-config': wish.networkConfig} : {}),
  }
  const seed = path.join(folder, 'seed.img')
  execFileSync('truncate', ['-s', '2M', seed])
  execFileSync('mkfs.vfat', ['-n', 'CIDATA', seed], {stdio: 'ignore'})
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(path.join(folder, name), text)
    execFileSync('mcopy', ['-i', seed, path.join(folder, name), '::'])
  }
  return seed
}
