import {join} from 'node:path'
import {command, daemon, inNamespace, must, until} from '../processes.ts'
import type {Certificates} from './certificates.ts'

export interface EtcdPlan {
  readonly namespace: string
  readonly underlay: string
  readonly dir: string
  readonly data: string
  readonly certificates: Certificates
}

/** Starts a site's etcd in its gateway's namespace: over TLS, on the underlay and on loopback. */
export async function startEtcd({namespace, underlay, dir, data, certificates}: EtcdPlan): Promise<void> {
  const server = certificates.pair('server')
  const clients = ['127.0.0.1', underlay].map((address) => `https://${address}:2379`).join(',')
  const tls = [
    '--client-cert-auth',
    '--trusted-ca-file',
    certificates.ca,
    '--cert-file',
    server.cert,
    '--key-file',
    server.key,
  ]
  const urls = ['--listen-client-urls', clients, '--advertise-client-urls', clients]
  const peers = [
    '--listen-peer-urls',
    'http://127.0.0.1:2380',
    '--initial-advertise-peer-urls',
    'http://127.0.0.1:2380',
  ]
  const first = ['--name', 'lab', '--initial-cluster', 'lab=http://127.0.0.1:2380', '--data-dir', data]
  daemon(
    namespace,
    ['etcd', ...first, ...urls, ...peers, ...tls, '--logger', 'zap', '--log-level', 'error'],
    join(dir, 'etcd.log'),
  )
  await until(`etcd in ${namespace}`, async () => {
    const {status} = await command(etcdctl({namespace, certificates}, 'get', 'x'))
    return status === 0 ? true : null
  })
}

function etcdctl({namespace, certificates}: Pick<EtcdPlan, 'namespace' | 'certificates'>, ...args: string[]): string[] {
  const root = certificates.pair('root')
  const tls = [
    '--cacert',
    certificates.ca,
    '--cert',
    root.cert,
    '--key',
    root.key,
    '--endpoints',
    'https://127.0.0.1:2379',
  ]
  return inNamespace(namespace, 'env', 'ETCDCTL_API=3', 'etcdctl', ...tls, ...args)
}

/** Users and roles as docs/operate tells an operator to make them: remote sites may read the export, and nothing else. */
export async function secureEtcd(plan: EtcdPlan): Promise<void> {
  const base = etcdctl(plan)
    .map((word) => `'${word}'`)
    .join(' ')
  await must([
    'sh',
    '-ec',
    [
      'user add root --no-password',
      'role add root',
      'user grant-role root root',
      'role add isthmus',
      'role grant-permission isthmus --prefix=true readwrite /calico/',
      'role grant-permission isthmus --prefix=true readwrite /isthmus/',
      'user add isthmus --no-password',
      'user grant-role isthmus isthmus',
      'role add isthmus-remote',
      'role grant-permission isthmus-remote --prefix=true read /isthmus/v1/export/',
      'user add isthmus-remote --no-password',
      'user grant-role isthmus-remote isthmus-remote',
      'auth enable',
    ]
      .map((line) => `${base} ${line} >/dev/null`)
      .join('\n'),
  ])
}

/** Writes keys as root, in one etcdctl; etcd's transactions take 128 operations. */
export async function putAll(
  plan: Pick<EtcdPlan, 'namespace' | 'certificates'>,
  entries: Iterable<readonly [string, string]>,
): Promise<void> {
  const all = [...entries]
  for (let i = 0; i < all.length; i += 100) {
    const lines = all.slice(i, i + 100).map(([key, value]) => `put ${JSON.stringify(key)} ${JSON.stringify(value)}`)
    // etcdctl's txn reads: comparisons, an empty line, operations, an empty line, operations of the other branch.
    await must(etcdctl(plan, 'txn'), {input: `\n${lines.join('\n')}\n\n\n`})
  }
}

export async function deleteKey(plan: Pick<EtcdPlan, 'namespace' | 'certificates'>, key: string): Promise<void> {
  await must(etcdctl(plan, 'del', key))
}
