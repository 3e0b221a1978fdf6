import {readdir} from 'node:fs/promises'
import path from 'node:path'
import type {CertificateOrder, Finding, TlsFiles} from '../model/index.ts'
import type {FolderStep, HeldCertificate, SiteWish} from '../site/index.ts'
import {handOver} from './hand-over.ts'

/** Where `site init` keeps what it makes. */
export const DEFAULT_FOLDER = '/etc/isthmus/tls'
/** Where `site join --from` puts what other sites gave, a folder a site. */
export const DEFAULT_SITES = '/etc/isthmus/sites'

/** One line of an answer: what it is about, what is done (or would be), why. */
export interface Row {
  readonly what: string
  readonly action: string
  readonly reason: string
}

/** The files of one certificate of the folder, as a client's. */
export const filesOf = (folder: string, name: string, authority = 'ca'): TlsFiles & {cert: string; key: string} => ({
  ca: path.join(folder, `${authority}.pem`),
  cert: path.join(folder, `${name}.pem`),
  key: path.join(folder, `${name}.key`),
})

/** What is in the folder of each wanted certificate. */
export async function readHeld(
  folder: string,
  wanted: readonly CertificateOrder[],
): Promise<ReadonlyMap<string, HeldCertificate>> {
  const {readTlsFiles} = await import('../certificates/index.ts')
  const held = new Map<string, HeldCertificate>()
  for (const {name, issuer} of wanted) {
    const {ca, cert, key, fromCa} = await readTlsFiles(filesOf(folder, name, issuer ?? name))
    if (cert && key) held.set(name, {ca, cert, key, fromCa})
  }
  return held
}

/** Servers and Calico's users whose certificates are there already, so that nobody has to name them again. */
export async function readWish(folder: string, wish: SiteWish): Promise<SiteWish> {
  const {readTlsFiles} = await import('../certificates/index.ts')
  const entries = await readdir(folder).catch(() => [])
  const leafOf = async (name: string) => (await readTlsFiles(filesOf(folder, name))).cert?.certificates[0]
  const servers = [...wish.servers]
  const calicoUsers = new Set(wish.calicoUsers)
  for (const entry of entries.sort()) {
    const [, kind, name] = /^(etcd|calico)-(.+)\.pem$/.exec(entry) ?? []
    if (!kind || !name) continue
    const leaf = await leafOf(`${kind}-${name}`)
    if (kind === 'calico' && leaf?.commonName) calicoUsers.add(leaf.commonName)
    if (kind === 'etcd' && leaf && !servers.some((server) => server.name === name)) {
      // The peers' certificate has the hosts as they were named; the server's has this machine's own besides.
      servers.push({name, hosts: (await leafOf(`peer-${name}`))?.hosts ?? leaf.hosts})
    }
  }
  return {...wish, servers, calicoUsers: [...calicoUsers]}
}

/** What gateway.yaml names of the folder. */
const GATEWAY_FILES = ['ca.pem', 'gateway.pem', 'gateway.key']

/** Does what is planned, one certificate after the other; stops at the first that cannot be made. */
export async function applyFolder(
  folder: string,
  steps: readonly FolderStep[],
): Promise<{readonly findings: readonly Finding[]; readonly environment: boolean}> {
  const {issue, IssueFailed} = await import('../certificates/index.ts')
  for (const {order, action} of steps) {
    if (action !== 'create' && action !== 'renew') continue
    try {
      await issue(folder, order)
    } catch (error) {
      const system = error instanceof Error && 'code' in error
      if (!(error instanceof IssueFailed) && !system) throw error
      const where = {source: `folder ${folder}`, field: `${order.name}.pem`}
      const detail = error instanceof Error ? error.message : String(error)
      const environment = error instanceof IssueFailed && error.environment
      return {findings: [{code: 'certificate-not-made', severity: 'error', where, detail}], environment}
    }
  }
  await handOver(folder, GATEWAY_FILES)
  return {findings: [], environment: false}
}

export const rowsOf = (steps: readonly FolderStep[]): Row[] =>
  steps.map(({order, action, reason}) => ({what: `${order.name}.pem`, action, reason}))

/** What is refused or should be renewed, as findings. */
export function findingsOf(folder: string, steps: readonly FolderStep[]): Finding[] {
  return steps.flatMap(({order, action, reason}): Finding[] => {
    const where = {source: `folder ${folder}`, field: `${order.name}.pem`}
    if (action === 'refuse') {
      const remedy = 'mend it, or move both files away to have them made anew'
      return [{code: 'certificate-not-made', severity: 'error', where, detail: reason, remedy}]
    }
    if (action !== 'renewable') return []
    return [{code: 'certificate-expiring', severity: 'warning', where, detail: reason, remedy: '--renew makes it anew'}]
  })
}
