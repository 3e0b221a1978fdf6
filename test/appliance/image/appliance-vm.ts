import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {appendFileSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {type Accelerator, accelerator, EMULATED_CLOCK, EMULATED_CPU} from '../../../lab/vm/index.ts'

/** One appliance in QEMU, booted from its disk as a machine would be, with a NoCloud seed, serial console and SSH. */
export interface Appliance {
  /** All that the console has said since the power came. */
  readonly console: () => string
  readonly forget: () => void
  /** Status and output of a command, by whom the wish names or by another; status 255: nobody answered, or nobody is let in. */
  readonly ssh: (command: string, user?: string) => Promise<Answer>
  /** The output of a command that must succeed. */
  readonly ask: (command: string) => Promise<string>
  /** When the console says this; rejects after `seconds`, with what it said last. */
  readonly says: (what: RegExp, seconds: number) => Promise<void>
  /** When SSH answers. */
  readonly answers: (seconds: number) => Promise<void>
  /** Power comes (again). */
  readonly power: () => void
  /** Power goes, at once. */
  readonly cut: () => Promise<void>
  /** Another disk of cloud-init's; with the power off. */
  readonly seed: (instance: string, userData: string) => void
  /** The host's time at which its kernel started. */
  readonly startedAtMs: () => Promise<number>
  /** Seconds of the processor that its emulation has taken since the power came: what another machine's load does not change much. */
  readonly cpuSeconds: () => number
}

interface Answer {
  readonly status: number
  readonly output: string
  /** When the first of it was heard. */
  readonly heardMs: number
}

export interface Wish {
  readonly name: string
  readonly sshPort: number
  /** A wire between two of them, as eth1: UDP ports of the loopback device, its own and the other's. */
  readonly wire?: {readonly own: number; readonly other: number}
  /** A namespace of the host behind it, as eth2. */
  readonly lan?: string
  /** Who is logged in where nobody is named; root. */
  readonly user?: string
  /** A file that it has as its third disk, /dev/vdc. */
  readonly attached?: string
  /** Beside the key for root; or all of it, for who brings in the key as an operator does. */
  readonly userData?: string | ((publicKey: string) => string)
  readonly networkConfig?: string
  /** BIOS where none is named. */
  readonly firmware?: 'uefi'
}

/** Emulation has the CPU that the lab's VM has; KVM, where the lab found that it works. */
const CPU = {kvm: ['-accel', 'kvm', '-cpu', 'host'], tcg: ['-accel', 'tcg,thread=multi', '-cpu', EMULATED_CPU]}
/** What the kernel is told where it is emulated, by grub's environment (`docs/operate/appliance.md`). */
const EXTRA = {kvm: '', tcg: `${EMULATED_CLOCK} mitigations=off init_on_alloc=0`}
const SERIAL = ['-nodefaults', '-vga', 'none', '-display', 'none', '-serial', 'stdio']
/** Debian's package ovmf: the firmware, and what a machine that is new remembers. */
const UEFI = {code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd'}
/** Of the partition `boot`, in scripts/image.mjs. */
const BOOT_AT = '2M'
const TICKS_PER_SECOND = 100
/** What `ssh` ends with by itself. */
const NOBODY = 255
/** A folder where all that consoles say is kept. */
const {CONSOLES} = process.env

export interface Bench {
  readonly appliance: (wish: Wish) => Appliance
  readonly folder: string
  readonly close: () => Promise<void>
}

/** Appliances of an image with a key of their own, and a folder that goes with them. */
export async function createBench(image: string): Promise<Bench> {
  const kind = await accelerator(new AbortController().signal)
  const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-appliances-'))
  const key = path.join(folder, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const base = makeBase(image, folder, EXTRA[kind])
  const all: Appliance[] = []
  return {
    folder,
    appliance: (wish) => {
      const one = makeAppliance(wish, path.join(folder, wish.name), {base, key, kind})
      all.push(one)
      return one
    },
    close: async () => {
      await Promise.all(all.map((one) => one.cut()))
      rmSync(folder, {recursive: true})
    },
  }
}

/** The image, unpacked, with what the kernel of this machine is told. */
function makeBase(image: string, folder: string, extra: string): string {
  const base = path.join(folder, 'base.raw')
  const environment = path.join(folder, 'grubenv')
  execFileSync('qemu-img', ['convert', '-O', 'raw', image, base])
  execFileSync('mcopy', ['-n', '-i', `${base}@@${BOOT_AT}`, '::grub/grubenv', environment])
  execFileSync('grub-editenv', [environment, 'set', `extra=${extra}`])
  execFileSync('mcopy', ['-o', '-i', `${base}@@${BOOT_AT}`, environment, '::grub/grubenv'])
  return base
}

interface Machine {
  readonly base: string
  readonly key: string
  readonly kind: Accelerator
}

function makeAppliance(wish: Wish, folder: string, {base, key, kind}: Machine): Appliance {
  mkdirSync(folder)
  const disk = path.join(folder, 'disk.qcow2')
  const publicKey = readFileSync(`${key}.pub`, 'utf8').trim()
  const seed = path.join(folder, 'seed.img')
  const login = `disable_root: false\nusers:\n  - default\n  - {name: root, ssh_authorized_keys: ["${publicKey}"]}\n`
  const metaData = (instance: string): string => `instance-id: ${instance}\nlocal-hostname: ${wish.name}\n`
  makeSeed(seed, {
    'meta-data': metaData(wish.name),
    'user-data':
      typeof wish.userData === 'function' ? wish.userData(publicKey) : `#cloud-config\n${login}${wish.userData ?? ''}`,
    ...(wish.networkConfig ? {'network-config': wish.networkConfig} : {}),
  })
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, disk, '8G'])
  const {wire, lan, attached} = wish
  const udp = wire && `socket,model=virtio-net-pci,udp=127.0.0.1:${wire.other},localaddr=127.0.0.1:${wire.own}`
  const mac = (card: number): string => `mac=52:54:00:00:0${card}:${String(wish.sshPort % 100).padStart(2, '0')}`
  const arguments_ = [
    ...[...CPU[kind], '-smp', '2', '-m', '1024', ...SERIAL],
    ...['-drive', `file=${disk},if=virtio`, '-drive', `file=${seed},if=virtio,format=raw,readonly=on`],
    ...(wish.firmware === 'uefi' ? uefi(folder) : []),
    ...(attached ? ['-drive', `file=${attached},if=virtio,format=raw,readonly=on`] : []),
    ...['-nic', `user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:${wish.sshPort}-:22`],
    ...(udp ? ['-nic', `${udp},${mac(1)}`] : []),
    ...(lan ? ['-nic', `tap,model=virtio-net-pci,ifname=${lan},script=no,downscript=no,${mac(2)}`] : []),
    ...['-device', 'i6300esb', '-rtc', 'base=utc'],
    // For who looks at one that hangs: `socat - UNIX:…`, then `info registers -a`.
    ...['-monitor', `unix:${path.join(folder, 'monitor')},server=on,wait=off`],
  ]
  let machine: ChildProcess | null = null
  let said = ''
  const power = (): void => {
    said = ''
    machine = spawn('qemu-system-x86_64', arguments_, {stdio: ['ignore', 'pipe', 'pipe']})
    for (const stream of [machine.stdout!, machine.stderr!]) {
      stream.on('data', (chunk) => {
        said += String(chunk).replaceAll('\r', '')
        if (CONSOLES) appendFileSync(path.join(CONSOLES, wish.name), chunk)
      })
    }
  }
  const ssh: Appliance['ssh'] = async (command, user = wish.user ?? 'root') => {
    const door = ['-i', key, '-p', `${wish.sshPort}`, '-o', 'StrictHostKeyChecking=no', '-o', 'ConnectTimeout=60']
    const quiet = ['-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes']
    // Who talks to a machine that has no power any more would wait for long.
    const alive = ['-o', 'ServerAliveInterval=20', '-o', 'ServerAliveCountMax=6']
    const child = spawn('ssh', [...door, ...quiet, ...alive, `${user}@127.0.0.1`, `{ ${command}\n} 2>&1`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let output = ''
    let heardMs = 0
    child.stdout.setEncoding('utf8').on('data', (text) => {
      heardMs ||= Date.now()
      output += text
    })
    const [status] = await once(child, 'close')
    return {status: status ?? NOBODY, output, heardMs}
  }
  const ask = async (command: string): Promise<string> => {
    let answer = await ssh(command)
    // A machine that is emulated beside others may be too slow for a first answer.
    for (let tries = 1; tries < 4 && answer.status === NOBODY; tries++) answer = await ssh(command)
    if (answer.status !== 0) throw new Error(`${wish.name}: ${command}: status ${answer.status}: ${answer.output}`)
    return answer.output.trim()
  }
  const until = async (seconds: number, what: string, done: () => boolean | Promise<boolean>): Promise<void> => {
    const end = Date.now() + seconds * 1000
    while (!(await done())) {
      if (Date.now() > end)
        throw new Error(`${wish.name}: ${what}: not within ${seconds} s; it said last:\n${said.slice(-3000)}`)
      if (machine?.exitCode !== null && machine?.exitCode !== undefined)
        throw new Error(`${wish.name}: QEMU ended: ${said.slice(-2000)}`)
      await new Promise((go) => setTimeout(go, 1000))
    }
  }
  return {
    console: () => said,
    forget: () => {
      said = ''
    },
    ssh,
    ask,
    says: (what, seconds) => until(seconds, `${what}`, () => what.test(said)),
    answers: (seconds) => until(seconds, 'SSH', async () => (await ssh('true')).status === 0),
    power,
    cut: async () => {
      if (!machine || machine.exitCode !== null || machine.signalCode !== null) return
      const gone = once(machine, 'exit')
      machine.kill('SIGKILL')
      await gone
    },
    seed: (instance, userData) =>
      makeSeed(seed, {'meta-data': metaData(instance), 'user-data': `#cloud-config\n${login}${userData}`}),
    startedAtMs: async () => {
      const {output, heardMs} = await ssh('cat /proc/uptime')
      return heardMs - Number(output.split(' ')[0]) * 1000
    },
    cpuSeconds: () => {
      const fields = readFileSync(`/proc/${machine!.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
    },
  }
}

function uefi(folder: string): string[] {
  const variables = path.join(folder, 'variables.fd')
  copyFileSync(UEFI.variables, variables)
  const flash = 'if=pflash,format=raw'
  return ['-drive', `${flash},unit=0,readonly=on,file=${UEFI.code}`, '-drive', `${flash},unit=1,file=${variables}`]
}

/** A FAT file system with the label that cloud-init looks for. */
function makeSeed(seed: string, files: Readonly<Record<string, string>>): void {
  writeFileSync(seed, '')
  execFileSync('truncate', ['-s', '2M', seed])
  execFileSync('mkfs.vfat', ['-n', 'CIDATA', seed], {stdio: 'ignore'})
  for (const [name, text] of Object.entries(files)) execFileSync('mcopy', ['-i', seed, '-', `::${name}`], {input: text})
}
