import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {NEWER_SETTINGS} from '../../lab/site/etcd.ts'
import {freePort, listening, type ServerTls, tlsArgs} from './etcd-server.ts'

/** One member: its own process, data in memory. */
export interface EtcdMember {
  readonly name: string
  readonly port: number
  readonly peerPort: number
  readonly endpoint: string
  kill(): Promise<void>
  /** With the data it had. */
  start(): Promise<void>
  freeze(): void
  thaw(): void
}

/** A real cluster of three, on loopback. */
export interface EtcdCluster {
  readonly members: readonly EtcdMember[]
  readonly endpoints: string[]
  /** The member that leads now, asked of those that answer. */
  leader(): EtcdMember
  ctl(...args: string[]): string
  /** Replaces a member by a new one with no data, as after a lost disk. */
  replace(member: EtcdMember): Promise<EtcdMember>
  stop(): Promise<void>
}

/** Files of one member, for its clients and for the other members. */
export interface MemberTls {
  readonly client: ServerTls
  readonly peer: ServerTls
}

/** With TLS, `ctl` and what asks by it do not work: who may ask is not the cluster's business. */
export async function startCluster(tlsOf: ((name: string) => MemberTls) | null = null): Promise<EtcdCluster> {
  const scheme = tlsOf ? 'https' : 'http'
  const dir = mkdtempSync('/dev/shm/isthmus-cluster-')
  const members: EtcdMember[] = []
  const running = new Map<string, ChildProcess>()

  async function makeMember(name: string): Promise<EtcdMember> {
    const [port, peerPort] = [await freePort(), await freePort()]
    const endpoint = `${scheme}://127.0.0.1:${port}`
    const kill = async (): Promise<void> => {
      const child = running.get(name)
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
    return {
      ...{name, port, peerPort, endpoint, kill},
      start: () => startMember({name, port, peerPort, endpoint}, 'existing'),
      freeze: () => running.get(name)?.kill('SIGSTOP'),
      thaw: () => running.get(name)?.kill('SIGCONT'),
    }
  }

  async function startMember(
    {name, port, peerPort, endpoint}: Pick<EtcdMember, 'name' | 'port' | 'peerPort' | 'endpoint'>,
    state: 'new' | 'existing',
  ): Promise<void> {
    const initial = members.map((member) => `${member.name}=${scheme}://127.0.0.1:${member.peerPort}`).join(',')
    const tls = tlsOf?.(name)
    const child = spawn(
      'etcd',
      [
        ...['--name', name, '--data-dir', join(dir, name), '--initial-cluster-state', state],
        ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
        ...['--listen-peer-urls', `${scheme}://127.0.0.1:${peerPort}`],
        ...['--initial-advertise-peer-urls', `${scheme}://127.0.0.1:${peerPort}`],
        ...(tls ? [...tlsArgs('', tls.client), ...tlsArgs('peer-', tls.peer)] : []),
        ...['--initial-cluster', initial, '--initial-cluster-token', dir],
      ],
      {stdio: 'ignore', env: {...process.env, ...NEWER_SETTINGS, GOMAXPROCS: '1'}},
    )
    running.set(name, child)
    await listening(port, child)
  }

  const alive = (): EtcdMember[] =>
    members.filter(({name}) => running.get(name)?.exitCode === null && running.get(name)?.signalCode === null)
  const ctl = (...args: string[]): string => {
    const endpoints = alive().map(({endpoint}) => endpoint)
    const options = {env: {...process.env, ETCDCTL_API: '3'}, stdio: 'pipe', timeout: 20_000} as const
    return execFileSync('etcdctl', ['--endpoints', endpoints.join(), ...args], options).toString()
  }

  for (const name of ['m1', 'm2', 'm3']) members.push(await makeMember(name))
  await Promise.all(members.map((member) => startMember(member, 'new')))

  return {
    members,
    get endpoints() {
      return members.map(({endpoint}) => endpoint)
    },
    ctl,
    leader() {
      const status: {Endpoint: string; Status: {header: {member_id: number}; leader: number}}[] = JSON.parse(
        ctl('endpoint', 'status', '-w', 'json').replace(/("(?:member_id|leader)":)(\d+)/g, '$1"$2"'),
      )
      const leading = status.find(({Status}) => Status.header.member_id === Status.leader)
      return members.find(({endpoint}) => endpoint === leading?.Endpoint)!
    },
    async replace(member) {
      await member.kill()
      const [id] = ctl('member', 'list')
        .split('\n')
        .find((line) => line.includes(` ${member.name},`))!
        .split(',')
      ctl('member', 'remove', id!)
      members.splice(members.indexOf(member), 1)
      const fresh = await makeMember(`${member.name}n`)
      // Members must have been connected for five seconds, or it is an unhealthy cluster.
      for (let tries = 0; ; tries++) {
        try {
          ctl('member', 'add', fresh.name, '--peer-urls', `http://127.0.0.1:${fresh.peerPort}`)
          break
        } catch (error) {
          if (tries === 100) throw error
          await delay(100)
        }
      }
      members.push(fresh)
      await fresh.start()
      return fresh
    },
    async stop() {
      for (const member of members) {
        member.thaw()
        await member.kill()
      }
      rmSync(dir, {recursive: true, force: true})
    },
  }
}
