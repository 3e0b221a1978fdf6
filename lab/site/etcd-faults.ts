import {rm} from 'node:fs/promises'
import {setTimeout as delay} from 'node:timers/promises'
import {inNamespace, must, until} from '../processes.ts'
import {asAdmin, type EtcdMember, type EtcdPlan, initialCluster, PASSWORD, peerUrl, startMember} from './etcd.ts'

/** What happens to an etcd by its own ways, as an operator would do it or suffer it. */

/** The member that leads, by its own word. */
export const leaderOf = (plan: EtcdPlan): Promise<EtcdMember> =>
  until('a leader', () =>
    asAdmin(plan, async (client) => {
      const {leader} = await client.maintenance.status()
      const {members} = await client.cluster.memberList({})
      const name = members.find(({ID}) => ID === leader)?.name
      return plan.members.find((member) => member.name === name) ?? null
    }),
  )

/** Forgets all revisions but the last; who watches from an earlier one cannot go on. */
export const compact = (plan: EtcdPlan): Promise<void> =>
  asAdmin(plan, async (client) => {
    const {header} = await client.kv.range({key: Buffer.from('x')})
    await client.kv.compact({revision: header.revision, physical: true})
  })

/** Raises or ends the alarm that a used-up quota raises, at every member. */
export const setAlarm = (plan: EtcdPlan, raised: boolean): Promise<void> =>
  asAdmin(plan, async (client) => {
    const {members} = await client.cluster.memberList({})
    for (const {ID} of members) {
      await client.maintenance.alarm({action: raised ? 'Activate' : 'Deactivate', memberID: ID, alarm: 'Nospace'})
    }
  })

/** By etcdctl, as an operator would: etcd3's stream of a snapshot bears no token. */
export async function saveBackup({members: [member], certificates}: EtcdPlan, file: string): Promise<void> {
  const {namespace, addresses} = member!
  const {cert, key} = certificates.client('isthmus')
  const tls = ['--cacert', certificates.ca, '--cert', cert, '--key', key]
  const login = ['--user', `root:${PASSWORD}`, '--endpoints', `https://${addresses[0]}:2379`]
  await must(inNamespace(namespace, 'env', 'ETCDCTL_API=3', 'etcdctl', ...tls, ...login, 'snapshot', 'save', file))
}

/** Puts a backup in the place of the members' data; none may run. Another token makes another cluster of it. */
export async function restoreBackup(plan: EtcdPlan, file: string, token: string): Promise<void> {
  for (const member of plan.members) {
    await rm(member.data, {recursive: true, force: true})
    const own = ['--name', member.name, '--data-dir', member.data]
    const peers = ['--initial-advertise-peer-urls', peerUrl(plan, member), '--initial-cluster', initialCluster(plan)]
    const restore = ['snapshot', 'restore', file, ...own, ...peers, '--initial-cluster-token', token]
    await must(['env', 'ETCDCTL_API=3', 'etcdctl', ...restore])
  }
}

/** Ends a membership; the process ends itself then. */
export const removeMember = (plan: EtcdPlan, {name}: EtcdMember): Promise<void> =>
  onceHealthy({members: plan.members.filter((other) => other.name !== name)}, async (client) => {
    const {members} = await client.cluster.memberList({})
    const member = members.find((other) => other.name === name)
    if (!member) throw new Error(`no member ${name}`)
    await client.cluster.memberRemove({ID: member.ID})
  })

/** A cluster takes no change of its members until all of them have been connected for five seconds. */
async function onceHealthy<T>(plan: Pick<EtcdPlan, 'members'>, work: Parameters<typeof asAdmin<T>>[1]): Promise<T> {
  for (const endMs = performance.now() + HEALTHY_WITHIN_MS; ; await delay(500)) {
    try {
      return await asAdmin(plan, work)
    } catch (error) {
      const isUnhealthy = error instanceof Error && error.message.includes('unhealthy cluster')
      if (!isUnhealthy || performance.now() > endMs) throw error
    }
  }
}
const HEALTHY_WITHIN_MS = 15_000

/** A member that has nothing joins the cluster and catches up. */
export async function addMember(plan: EtcdPlan, member: EtcdMember): Promise<void> {
  await onceHealthy({members: plan.members.filter((other) => other !== member)}, (client) =>
    client.cluster.memberAdd({peerURLs: [peerUrl(plan, member)]}),
  )
  await rm(member.data, {recursive: true, force: true})
  await startMember(plan, member, true)
}
