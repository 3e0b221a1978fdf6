import {existsSync, mkdirSync, readFileSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {Etcd3} from 'etcd3'
import type {DatastorePlan, MemberPlan} from '../network/plan.ts'
import {daemon, mustRun, until} from '../processes.ts'
import type {Certificates} from './certificates.ts'

/** A datastore's etcd with its files. */
export interface EtcdPlan {
  readonly datastore: DatastorePlan
  readonly members: readonly EtcdMember[]
  readonly certificates: Certificates
}

export interface EtcdMember extends MemberPlan {
  /** Where it runs: its log, and the socket over which the lab writes. */
  readonly dir: string
  readonly data: string
}

/** etcd 3.4 wants `host:port` also of a Unix socket, and makes a file of that name where it runs. */
const SOCKET = 'admin:1'
export const PASSWORD = 'lab'
/** Operations a transaction; etcd takes 128. */
const OPERATIONS = 100
/** A member that is frozen must not hold up what another can do. */
const ADMIN_TIMEOUT_MS = 3000

/**
 * What etcd 3.3 (Ubuntu 22.04) does not know: as an option it would refuse it, from the environment it passes it by. Each
 * password is hashed when a user is made and at each login: at etcd's own cost seconds of an emulated CPU.
 */
export const NEWER_SETTINGS = {ETCD_LOGGER: 'zap', ETCD_LOG_LEVEL: 'error', ETCD_BCRYPT_COST: '4'}

/** Where the other members come to it: on the LAN, or nobody does. */
export function peerUrl({members}: EtcdPlan, member: EtcdMember): string {
  return members.length === 1 ? 'http://127.0.0.1:2380' : `https://${member.addresses[0]}:2380`
}

/** `etcd1=URL,etcd2=URL`, as etcd wants its first cluster. */
export const initialCluster = (plan: EtcdPlan): string =>
  plan.members.map((member) => `${member.name}=${peerUrl(plan, member)}`).join()

/** Starts the members, all or those given, and waits for their answer. */
export async function startEtcd(plan: EtcdPlan, members = plan.members): Promise<void> {
  await Promise.all(members.map((member) => startMember(plan, member)))
}

/** One member, over TLS. `joining`: it comes to a cluster that is there. What its data say goes before all of that. */
export async function startMember(plan: EtcdPlan, member: EtcdMember, joining = false): Promise<void> {
  const {namespace, addresses, dir, data, name} = member
  const {certificates} = plan
  mkdirSync(dir, {recursive: true})
  const server = certificates.server(addresses.at(-1)!)
  const clients = addresses.map((address) => `https://${address}:2379`).join(',')
  const files = (prefix: string): string[] => [
    ...[`--${prefix}client-cert-auth`, `--${prefix}trusted-ca-file`, certificates.ca],
    ...[`--${prefix}cert-file`, server.cert, `--${prefix}key-file`, server.key],
  ]
  const urls = ['--listen-client-urls', `${clients},unix://${SOCKET}`, '--advertise-client-urls', clients]
  const peer = peerUrl(plan, member)
  const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer]
  const tls = [...files(''), ...(plan.members.length > 1 ? files('peer-') : [])]
  const state = ['--initial-cluster-state', joining ? 'existing' : 'new']
  const first = ['--name', name, '--initial-cluster', initialCluster(plan), '--data-dir', data, ...state]
  // One that was killed leaves its socket, and would not start again on it.
  rmSync(join(dir, SOCKET), {force: true})
  // One thread of Go's has little to do here, and two look for work that the other may have.
  const settings = Object.entries({...NEWER_SETTINGS, GOMAXPROCS: '1'}).map((setting) => setting.join('='))
  const log = join(dir, 'etcd.log')
  const etcd = daemon(namespace, ['env', ...settings, 'etcd', ...first, ...urls, ...peers, ...tls], log, dir)
  const listens = async (): Promise<true | null> => {
    mustRun(etcd, `etcd in ${namespace}`, log)
    return existsSync(join(dir, SOCKET)) ? true : null
  }
  // etcd3 leaves a host alone for 5 s after three failures, so it is not asked before there is somebody to answer.
  await until(`etcd in ${namespace}`, listens, 60_000, 20)
  const client = new Etcd3({hosts: `unix:${join(dir, SOCKET)}`})
  // Any answer will do, a refusal for want of a password too.
  const answers = async (): Promise<true | null> => {
    const error = await client.kv.range({key: Buffer.from('x')}).then(
      () => null,
      (cause: Error) => cause,
    )
    return error === null || /user name|permission|auth/i.test(error.message) ? true : null
  }
  try {
    await until(`etcd in ${namespace}`, answers, 60_000)
  } finally {
    client.close()
  }
}

/** Other sites come to the members through the gateway: etcd's own relay of TCP. */
export async function startRelay({datastore: {relay}, members}: EtcdPlan, dir: string): Promise<void> {
  if (!relay) return
  const log = join(dir, 'relay.log')
  const endpoints = members.map(({addresses: [address]}) => `${address}:2379`).join(',')
  const listen = ['--listen-addr', `${relay.address}:2379`, '--endpoints', endpoints, '--retry-delay', '1s']
  const process = daemon(relay.namespace, ['etcd', 'gateway', 'start', ...listen], log)
  await until(`the relay in ${relay.namespace}`, async () => {
    mustRun(process, `the relay in ${relay.namespace}`, log)
    return readFileSync(log, 'utf8').includes('ready to proxy') ? true : null
  })
}

/** A client of one member with all rights, from outside the namespace; of the first, if none is named. */
export function adminClient({members}: Pick<EtcdPlan, 'members'>, member = members[0]!): Etcd3 {
  return new Etcd3({
    hosts: `unix:${join(member.dir, SOCKET)}`,
    auth: {username: 'root', password: PASSWORD},
    defaultCallOptions: (context) => (context.isStream ? {} : {deadline: Date.now() + ADMIN_TIMEOUT_MS}),
  })
}

/** Does something by the first member that can. */
export async function asAdmin<T>(
  {members}: Pick<EtcdPlan, 'members'>,
  work: (client: Etcd3, member: EtcdMember) => Promise<T>,
): Promise<T> {
  let last: unknown
  for (const member of members) {
    if (!existsSync(join(member.dir, SOCKET))) continue
    const client = adminClient({members}, member)
    try {
      return await work(client, member)
    } catch (error) {
      last = error
    } finally {
      client.close()
    }
  }
  throw last ?? new Error('no member of the datastore runs')
}

/** Users and roles as docs/operate tells an operator to make them: remote sites may read the export, and nothing else. */
export async function secureEtcd({members: [member]}: EtcdPlan): Promise<void> {
  const client = new Etcd3({hosts: `unix:${join(member!.dir, SOCKET)}`})
  const {auth} = client
  const grants = {
    root: [],
    isthmus: [
      ['Readwrite', '/calico/'],
      ['Readwrite', '/isthmus/'],
    ],
    'isthmus-remote': [['Read', '/isthmus/v1/export/']],
  } as const
  try {
    for (const [name, permissions] of Object.entries(grants)) {
      await auth.roleAdd({name})
      for (const [permType, prefix] of permissions) {
        const key = Buffer.from(prefix)
        const range_end = Buffer.from(prefix.replace(/\/$/, '0'))
        await auth.roleGrantPermission({name, perm: {permType, key, range_end}})
      }
      // Over TLS the certificate's CN is the user; the password is for the lab's own socket.
      await auth.userAdd({name, password: PASSWORD})
      await auth.userGrantRole({user: name, role: name})
    }
    await auth.authEnable()
  } finally {
    client.close()
  }
}

type Entries = Iterable<readonly [key: string, value: string | Buffer]>

async function write(client: Etcd3, entries: Entries): Promise<void> {
  const all = [...entries]
  for (let i = 0; i < all.length; i += OPERATIONS) {
    const success = all.slice(i, i + OPERATIONS).map(([key, value]) => ({
      request_put: {key: Buffer.from(key), value: typeof value === 'string' ? Buffer.from(value) : value},
    }))
    await client.kv.txn({success})
  }
}

/** Writes keys, as calicoctl or an operator would. */
export const putAll = (plan: EtcdPlan, entries: Entries): Promise<void> =>
  asAdmin(plan, (client) => write(client, entries))

/** Fills an etcd that has no users yet. */
export async function fill({members: [member]}: EtcdPlan, entries: Entries): Promise<void> {
  const client = new Etcd3({hosts: `unix:${join(member!.dir, SOCKET)}`})
  try {
    await write(client, entries)
  } finally {
    client.close()
  }
}

/** Deletes a key, which must be there. */
export const deleteKey = (plan: EtcdPlan, key: string): Promise<void> =>
  asAdmin(plan, async (client) => {
    const {deleted} = await client.delete().key(key)
    if (Number(deleted) === 0) throw new Error(`no key ${key}`)
  })
