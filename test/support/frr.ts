import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {eventually, type Namespace} from './namespace.ts'

/** A real bgpd and zebra of FRR in a namespace, with a folder of their own. */
export class TestFrr {
  readonly #namespace: Namespace
  readonly #folder = mkdtempSync(join(tmpdir(), 'is-frr-'))
  readonly #processes: ChildProcess[] = []
  #said = ''

  constructor(namespace: Namespace, bgpd: string) {
    this.#namespace = namespace
    writeFileSync(join(this.#folder, 'zebra.conf'), 'hostname zebra\n')
    writeFileSync(join(this.#folder, 'bgpd.conf'), `hostname bgpd\n${bgpd}`)
    // FRR's daemons drop to its user, which must own what they write.
    const [uid, gid] = idsOf('frr')
    chownSync(this.#folder, uid, gid)
    chmodSync(this.#folder, 0o755)
  }

  async start(): Promise<this> {
    const zapi = join(this.#folder, 'zserv.api')
    this.#spawn('zebra', zapi)
    await eventually(() => existsSync(zapi), 10_000)
    this.#spawn('bgpd', zapi)
    await eventually(() => this.#answers(), 10_000).catch(() => {
      throw new Error(`bgpd did not start: ${this.#said}`)
    })
    return this
  }

  /** What bgpd says to one line of vtysh, as JSON. */
  json(line: string): unknown {
    return JSON.parse(this.ask(`${line} json`))
  }

  ask(line: string): string {
    return this.#namespace.run(`vtysh --vty_socket ${this.#folder} -d bgpd -c '${line}'`)
  }

  async remove(): Promise<void> {
    for (const process of this.#processes.reverse()) {
      if (process.exitCode !== null) continue
      const gone = once(process, 'exit')
      process.kill('SIGKILL')
      await gone
    }
    rmSync(this.#folder, {recursive: true})
  }

  #answers(): boolean {
    try {
      return existsSync(join(this.#folder, 'bgpd.vty')) && this.ask('show version') !== ''
    } catch {
      return false
    }
  }

  #spawn(name: string, zapi: string): void {
    const file = (end: string): string => join(this.#folder, `${name}.${end}`)
    const args = ['netns', 'exec', this.#namespace.name, `/usr/lib/frr/${name}`, '-A', '127.0.0.1', '-z', zapi]
    args.push('-f', file('conf'), '-i', file('pid'), '--vty_socket', this.#folder)
    const process = spawn('ip', args, {stdio: ['ignore', 'ignore', 'pipe']})
    process.stderr.on('data', (text) => {
      this.#said += text
    })
    this.#processes.push(process)
  }
}

function idsOf(user: string): [uid: number, gid: number] {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined) throw new Error(`no user ${user}: is the package frr installed?`)
  return [Number(uid), Number(gid)]
}
