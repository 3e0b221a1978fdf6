import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {DatastorePlan, LabPlan} from '../network/plan.ts'
import type {Scenario} from '../scenario/schema.ts'
import {documentEntries, type Entry, generatedEntries, siteEntries} from './calico-data.ts'
import type {Certificates} from './certificates.ts'
import {makeDisk} from './disks.ts'
import {type EtcdPlan, fill, secureEtcd, startEtcd, startRelay} from './etcd.ts'

/** The etcd of a datastore with its places on disk. One that lives in its gateway's namespace logs with it. */
export function etcdPlan(
  datastore: DatastorePlan,
  gateway: string,
  dirOf: (name: string) => string,
  certificates: Certificates,
): EtcdPlan {
  const members = datastore.members.map((member) => {
    const own = dirOf(`etcd-${datastore.site}-${datastore.name}-${member.name}`)
    return {...member, dir: member.port === null ? dirOf(gateway) : own, data: join(own, 'data')}
  })
  return {datastore, members, certificates}
}

/** Starts it, fills it with what the scenario says, and gives it its users. */
export async function startDatastore(
  plan: EtcdPlan,
  {scenario, network, dir, relayDir}: {scenario: Scenario; network: LabPlan; dir: string; relayDir: string},
): Promise<void> {
  const {site, name} = plan.datastore
  const {diskMiB, generate} = scenario.sites[site]!.datastores[name]!
  if (diskMiB !== undefined) for (const member of plan.members) await makeDisk(join(member.data, '..'), diskMiB)
  await startEtcd(plan)
  await fill(plan, dataOf(plan.datastore, scenario, network, dir))
  if (generate) await fill(plan, generatedEntries(site, scenario, generate.endpoints, generate.attributeSets))
  await secureEtcd(plan)
  await startRelay(plan, relayDir)
}

function dataOf({site: name, name: datastore, isFirst}: DatastorePlan, scenario: Scenario, plan: LabPlan, dir: string) {
  const site = scenario.sites[name]!
  const {kind, resources} = site.datastores[datastore]!
  const entries: Entry[] = []
  if (kind === 'calico') entries.push(...siteEntries(name, site, plan, datastore))
  if (resources) entries.push(...documentEntries(readFileSync(join(dir, resources), 'utf8'), 'calico'))
  if (name === scenario.authority && isFirst) {
    for (const file of scenario.policies)
      entries.push(...documentEntries(readFileSync(join(dir, file), 'utf8'), 'isthmus'))
  }
  return entries
}
