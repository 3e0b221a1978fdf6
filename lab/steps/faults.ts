import {dirname, join} from 'node:path'
import {setClock} from '../clock.ts'
import {command, inNamespace, must} from '../processes.ts'
import {splitPart} from '../scenario/references.ts'
import type {Fault} from '../scenario/schema.ts'
import {setFull} from '../site/disks.ts'
import {startEtcd} from '../site/etcd.ts'
import {addMember, compact, removeMember, restoreBackup, saveBackup, setAlarm} from '../site/etcd-faults.ts'
import type {World} from '../world.ts'

/** What can happen to datastores, disks, clocks and certificates. Throws when it cannot. */
export async function makeFault(world: World, fault: Fault): Promise<void> {
  if ('partition' in fault) await partition(world, fault.partition)
  else if ('compact' in fault) await compact(world.etcd(fault.compact))
  else if ('backup' in fault) await saveBackup(world.etcd(fault.backup), backupFile(world, fault.backup))
  else if ('restore' in fault) await restore(world, fault.restore, fault.newCluster)
  else if ('alarm' in fault) await setAlarm(world.etcd(fault.alarm), fault.raised)
  else if ('removeMember' in fault) {
    const [ref] = splitPart(fault.removeMember)
    await removeMember(world.etcd(ref), world.members(fault.removeMember)[0]!)
  } else if ('addMember' in fault) {
    const [ref] = splitPart(fault.addMember)
    await addMember(world.etcd(ref), world.members(fault.addMember)[0]!)
  } else if ('renew' in fault) await world.renewCertificates()
  else if ('clock' in fault) setClock(world.dirOf(world.gateway(fault.clock).name), fault.offsetHours)
  else for (const disk of disksOf(world, fault.fill)) await setFull(disk, fault.full)
}

const backupFile = (world: World, ref: string): string => world.dirOf(`${ref.replace('/', '-')}.backup`)

async function restore(world: World, ref: string, newCluster: boolean): Promise<void> {
  const etcd = world.etcd(ref)
  await world.signal(ref, 'etcd', 'SIGKILL')
  await restoreBackup(etcd, backupFile(world, ref), newCluster ? 'restored' : 'etcd-cluster')
  await startEtcd(etcd)
}

/** Of a gateway that of its state, of a datastore one a member. */
function disksOf(world: World, ref: string): string[] {
  const gateway = world.plan.gateways.find(({site, name}) => `${site}/${name}` === ref)
  return gateway ? [join(world.dirOf(gateway.name), 'state')] : world.members(ref).map(({data}) => dirname(data))
}

/** Nobody is told that a packet was dropped, as by a firewall or a broken path. */
async function partition(world: World, {gateway, from}: {gateway: string; from: string}): Promise<void> {
  const relay = world.plan.datastores.find(({ref}) => ref === from)?.relay
  const all = [...world.members(from).flatMap((member) => member.addresses), ...(relay ? [relay.address] : [])]
  // By its loopback address a datastore is reached in its own gateway; elsewhere that is another one's.
  const isOwn = gateway.split('/')[0] === from.split('/')[0]
  const addresses = all.filter((address) => isOwn || !address.startsWith('127.'))
  const set = `{ ${addresses.join(', ')} }`
  const text = `table inet labpartition {
  chain out { type filter hook output priority -300; ip daddr ${set} tcp dport 2379 drop; }
  chain in { type filter hook input priority -300; ip saddr ${set} tcp sport 2379 drop; }
}
`
  await must(inNamespace(world.gateway(gateway).namespace, 'sh', '-c', 'cat | nft -f -'), {input: text})
}

export async function endPartitions(world: World): Promise<void> {
  const gone = ['nft', 'delete', 'table', 'inet', 'labpartition']
  await Promise.all(world.plan.gateways.map(({namespace}) => command(inNamespace(namespace, ...gone))))
}
