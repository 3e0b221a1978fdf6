import type {EtcdRightsStep, Finding} from '../model/index.ts'
import {filesOf, type Row} from './site-folder.ts'

/** What to do about users and roles, and then to do it. */
export interface RightsPlan {
  readonly rows: readonly Row[]
  readonly findings: readonly Finding[]
  /** No endpoint answered as etcd. */
  readonly unreachable: boolean
}

type EtcdModule = typeof import('../etcd/index.ts')
export type AdminClient = ReturnType<ReturnType<EtcdModule['connect']>['client']>

/**
 * Asks an etcd as its user `root`, with the certificate of the folder, and does what `plan` says; with `dryRun` only says
 * it. The first endpoint that answers is asked; of those that do not, it is told why.
 */
export async function changeRights(
  {
    folder,
    endpoints,
    dryRun,
    nowMs,
  }: {
    readonly folder: string
    readonly endpoints: readonly string[]
    readonly dryRun: boolean
    readonly nowMs: number
  },
  plan: (
    client: AdminClient,
    etcd: EtcdModule,
  ) => Promise<{readonly steps: readonly EtcdRightsStep[]; readonly findings: readonly Finding[]}>,
): Promise<RightsPlan> {
  const [etcd, {callServer, readTlsFiles}, {judgePresented, judgeTlsFiles}] = await Promise.all([
    import('../etcd/index.ts'),
    import('../certificates/index.ts'),
    import('../diagnose/index.ts'),
  ])
  const tls = filesOf(folder, 'admin')
  const facts = await readTlsFiles(tls)
  const findings: Finding[] = judgeTlsFiles(`folder ${folder}`, facts, nowMs)
  if (findings.some(({severity}) => severity === 'error')) return {rows: [], findings, unreachable: true}
  for (const [index, endpoint] of endpoints.entries()) {
    const presented = await callServer(endpoint, tls)
    findings.push(...judgePresented('etcd', presented, facts, nowMs))
    if (presented.stage !== 'accepted') continue
    const connection = etcd.connect({endpoints, tls, user: null})
    try {
      const client = connection.client(index)
      const planned = await plan(client, etcd)
      findings.push(...planned.findings)
      const steps = planned.findings.some(({severity}) => severity === 'error')
        ? planned.steps.filter((step) => step.do !== 'enable')
        : planned.steps
      if (!dryRun) for (const step of steps) await etcd.applyRights(client, step, {endpoint, tls})
      const rows = steps.map((step) => ({
        what: `etcd ${endpoint}`,
        action: 'change',
        reason: etcd.rightsStepText(step),
      }))
      const kept = {what: `etcd ${endpoint}`, action: 'keep', reason: 'users and roles are as they should be'}
      return {rows: rows.length > 0 ? rows : [kept], findings: findings.map(ofMember), unreachable: false}
    } catch (error) {
      const refused = refusal(endpoint, error, error instanceof etcd.EtcdRefused)
      findings.push(refused)
      // It answered: another member of the same etcd would say nothing else.
      if (refused.code !== 'etcd-unreachable') return {rows: [], findings, unreachable: false}
    } finally {
      connection.close()
    }
  }
  return {rows: [], findings, unreachable: true}
}

/** Users and roles are the whole cluster's: a member that is away has them when it comes back. */
const ofMember = (finding: Finding): Finding =>
  finding.code === 'etcd-unreachable' ? {...finding, severity: 'warning'} : finding

function refusal(endpoint: string, error: unknown, unnamed: boolean): Finding {
  const detail = (error instanceof Error ? error.message : String(error)).split('\n')[0]!
  const where = {source: 'etcd', field: endpoint}
  if (unnamed) {
    const remedy = 'start it with --client-cert-auth, then run this again'
    return {code: 'etcd-open', severity: 'error', where, detail, remedy}
  }
  const denied = /permission denied|user name|auth/i.test(detail)
  if (!denied) return {code: 'etcd-unreachable', severity: 'error', where, detail}
  const remedy = "the certificate's CN must be etcd's user root (admin.pem of the folder)"
  return {code: 'etcd-refused', severity: 'error', where, detail, remedy}
}

/**
 * What must hold before etcd may ask for users, or people are locked out: it asks every client for a certificate, and
 * Calico's own components have a user.
 */
export async function findLockOut(
  client: AdminClient,
  endpoints: readonly string[],
  ca: string,
  calicoUsers: readonly string[],
): Promise<Finding[]> {
  const {callServer} = await import('../certificates/index.ts')
  const findings: Finding[] = []
  for (const endpoint of endpoints) {
    const {stage} = await callServer(endpoint, {ca, cert: null, key: null})
    if (stage !== 'accepted') continue
    findings.push({
      code: 'etcd-open',
      severity: 'error',
      where: {source: 'etcd', field: endpoint},
      detail: 'it takes clients without a certificate, so nobody would be known by one and all would be locked out',
      remedy: 'start it with --client-cert-auth and --trusted-ca-file, then run this again; users were not switched on',
    })
  }
  const {kvs} = await client.kv.range({
    key: Buffer.from('/calico/'),
    range_end: Buffer.from('/calico0'),
    limit: 1,
    keys_only: true,
  })
  if (kvs.length > 0 && calicoUsers.length === 0) {
    findings.push({
      code: 'etcd-open',
      severity: 'error',
      where: {source: 'etcd', key: '/calico/'},
      detail: "Calico's own components use this etcd, and have no user: they would be locked out",
      remedy:
        '--calico-user CN, with the common name of the certificate that they come with (repeat for several); users were not switched on',
    })
  }
  return findings
}
