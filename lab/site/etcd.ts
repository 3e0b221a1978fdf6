import {existsSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {Etcd3} from 'etcd3'
import {daemon, mustRun, until} from '../processes.ts'
import type {Certificates} from './certificates.ts'

export interface EtcdPlan {
  readonly namespace: string
  readonly underlay: string
  /** Where it runs: its log, and the socket over which the lab writes. */
  readonly dir: string
  readonly data: string
  readonly certificates: Certificates
}

/** etcd 3.4 wants `host:port` also of a Unix socket, and makes a file of that name where it runs. */
const SOCKET = 'admin:1'
const PASSWORD = 'lab'
/** Operations a transaction; etcd takes 128. */
const OPERATIONS = 100

/**
 * What etcd 3.3 (Ubuntu 22.04) does not know: as an option it would refuse it, from the environment it passes it by. Each
 * password is hashed when a user is made and at each login: at etcd's own cost seconds of an emulated CPU.
 */
export const NEWER_SETTINGS = {ETCD_LOGGER: 'zap', ETCD_LOG_LEVEL: 'error', ETCD_BCRYPT_COST: '4'}

/** Starts a site's etcd in its gateway's namespace: over TLS, on the underlay and on loopback. */
export async function startEtcd({namespace, underlay, dir, data, certificates}: EtcdPlan): Promise<void> {
  const server = certificates.server(underlay)
  const clients = ['127.0.0.1', underlay].map((address) => `https://${address}:2379`).join(',')
  const tls = [
    ...['--client-cert-auth', '--trusted-ca-file', certificates.ca],
    ...['--cert-file', server.cert, '--key-file', server.key],
  ]
  const urls = ['--listen-client-urls', `${clients},unix://${SOCKET}`, '--advertise-client-urls', clients]
  const peer = 'http://127.0.0.1:2380'
  const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer]
  const first = ['--name', 'lab', '--initial-cluster', `lab=${peer}`, '--data-dir', data]
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

/** A client with all rights, from outside the namespace. */
export function adminClient({dir}: Pick<EtcdPlan, 'dir'>): Etcd3 {
  return new Etcd3({hosts: `unix:${join(dir, SOCKET)}`, auth: {username: 'root', password: PASSWORD}})
}

/** Users and roles as docs/operate tells an operator to make them: remote sites may read the export, and nothing else. */
export async function secureEtcd({dir}: EtcdPlan): Promise<void> {
  const client = new Etcd3({hosts: `unix:${join(dir, SOCKET)}`})
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

type Entries = Iterable<readonly [key: string, value: string]>

/** Writes keys, as calicoctl or an operator would. */
export async function putAll(plan: Pick<EtcdPlan, 'dir'>, entries: Entries, client = adminClient(plan)): Promise<void> {
  const all = [...entries]
  try {
    for (let i = 0; i < all.length; i += OPERATIONS) {
      const success = all
        .slice(i, i + OPERATIONS)
        .map(([key, value]) => ({request_put: {key: Buffer.from(key), value: Buffer.from(value)}}))
      await client.kv.txn({success})
    }
  } finally {
    client.close()
  }
}

/** Fills an etcd that has no users yet. */
export const fill = (plan: EtcdPlan, entries: Entries): Promise<void> =>
  putAll(plan, entries, new Etcd3({hosts: `unix:${join(plan.dir, SOCKET)}`}))

/** Deletes a key, which must be there. */
export async function deleteKey(plan: Pick<EtcdPlan, 'dir'>, key: string): Promise<void> {
  const client = adminClient(plan)
  try {
    const {deleted} = await client.delete().key(key)
    if (Number(deleted) === 0) throw new Error(`no key ${key}`)
  } finally {
    client.close()
  }
}
