import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync} from 'node:fs'
import {connect as connectTcp, createServer} from 'node:net'
import {join} from 'node:path'
import {Etcd3} from 'etcd3'
import {NEWER_SETTINGS} from '../../lab/site/etcd.ts'

/** Paths of a server's own certificate and of the CA that clients' certificates must come from. */
export interface ServerTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** `certificates`: it wants them, and does not look whose; `clients`: it does not even want them. */
  readonly open?: 'certificates' | 'clients'
}

/** A real etcd for tests: on loopback, data in memory, its own life under the test's control. */
export interface EtcdServer {
  readonly port: number
  readonly endpoint: string
  /** SIGKILL and wait; the data stays. */
  kill(): Promise<void>
  /** Starts it again on the same port, with the same data unless `fresh`. */
  start(fresh?: boolean): Promise<void>
  freeze(): void
  thaw(): void
  /** A backup of a server without TLS, into a file. */
  backUp(file: string): void
  /** Kills it and starts it with the data of a backup: the same names and addresses, so the same cluster id. */
  restore(file: string): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Resolves when the port takes connections; etcd opens it only once it serves. */
export async function listening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`etcd ended with status ${child.exitCode}`)
    const socket = connectTcp(port, '127.0.0.1')
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** etcd's options for its clients' side, or the one of the other members. */
export const tlsArgs = (side: '' | 'peer-', {ca, cert, key, open}: ServerTls): string[] => [
  ...(open ? [] : [`--${side}client-cert-auth`]),
  ...(open === 'clients' ? [] : [`--${side}trusted-ca-file`, ca]),
  ...[`--${side}cert-file`, cert, `--${side}key-file`, key],
]

export async function startEtcd(tls: ServerTls | null = null, options: readonly string[] = []): Promise<EtcdServer> {
  const port = await freePort()
  const peerPort = await freePort()
  const scheme = tls ? 'https' : 'http'
  const endpoint = `${scheme}://127.0.0.1:${port}`
  let dir = ''
  let child: ChildProcess | null = null

  const membership = (): string[] => [
    ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`],
    ...['--initial-cluster', `t=http://127.0.0.1:${peerPort}`, '--initial-cluster-token', dir],
  ]
  const ctl = (...args: string[]): string =>
    execFileSync('etcdctl', ['--endpoints', endpoint, ...args], {
      env: {...process.env, ETCDCTL_API: '3'},
      stdio: 'pipe',
    }).toString()
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const start = async (fresh = false): Promise<void> => {
    if (fresh || dir === '') {
      if (dir !== '') rmSync(dir, {recursive: true, force: true})
      dir = mkdtempSync('/dev/shm/isthmus-etcd-')
    }
    child = spawn(
      'etcd',
      [
        ...['--name', 't', '--data-dir', join(dir, 'data')],
        ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
        ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
        ...membership(),
        ...(tls ? tlsArgs('', tls) : []),
        ...options,
      ],
      {stdio: 'ignore', env: {...process.env, ...NEWER_SETTINGS}},
    )
    await listening(port, child)
  }
  await start()
  return {
    port,
    endpoint,
    kill,
    start,
    freeze: () => child?.kill('SIGSTOP'),
    thaw: () => child?.kill('SIGCONT'),
    backUp: (file) => void ctl('snapshot', 'save', file),
    async restore(file) {
      await kill()
      rmSync(join(dir, 'data'), {recursive: true})
      ctl('snapshot', 'restore', file, '--name', 't', '--data-dir', join(dir, 'data'), ...membership())
      await start()
    },
    async stop() {
      child?.kill('SIGCONT')
      await kill()
      rmSync(dir, {recursive: true, force: true})
    },
  }
}

/** A plain client, for what a test writes itself. */
export const plainClient = (endpoint: string): Etcd3 => new Etcd3({hosts: endpoint})
