import {decodeRecord} from '../../decode/index.ts'
import {exportRecords} from '../../export/index.ts'
import {Federation} from '../../federate/index.ts'
import {
  type DecodedBatch,
  type Desired,
  type GatewayConfig,
  type NativeWays,
  type Snapshot,
  type SourceId,
  uplinkDevices,
  type World,
} from '../../model/index.ts'
import {createPlan, REMEMBERED_CHAIN} from '../../plan/index.ts'
import {compilePolicy} from '../../policy/index.ts'
import {createKeyStore, loadLastKnown, readCarriers, readPathMtus} from '../../store/index.ts'
import {limitsOf} from '../../tunnels/index.ts'
import type {KernelFacts} from './read-kernel.ts'

/** What this gateway must be, made from nothing: a new federation, a compilation without a past. */
export interface FreshPlan {
  readonly world: World
  readonly desired: Desired
  readonly native: NativeWays
  readonly uplinkDevices: readonly string[]
  /** What the site must publish of its members and documents. */
  readonly exported: ReadonlyMap<string, string>
}

export async function freshPlan(
  config: GatewayConfig,
  snapshots: ReadonlyMap<SourceId, Snapshot>,
  {devices, mtus, carriers, nft}: Pick<KernelFacts, 'devices' | 'mtus' | 'carriers' | 'nft'>,
): Promise<FreshPlan> {
  const federation = new Federation(config)
  for (const [source, snapshot] of snapshots) {
    // Of a document that is refused its last good version stays in force, which no etcd has any more.
    const good = await loadLastKnown(config.paths.state, source, 'good', 'onlooker')
    if (good.snapshot) federation.restore(batchOf(source, good.snapshot))
    federation.update(batchOf(source, snapshot))
  }
  const world = federation.world()
  const policy = compilePolicy(world, {
    default: config.default,
    stagedPackets: config.stagedPackets,
    previous: null,
    firstClass: 1,
  })
  const {carriers: tunnels} = await readCarriers(config.paths.state, 'onlooker')
  const {store: keys} = await createKeyStore(config.paths.state, 'onlooker')
  // What the paths of the tunnels carry was measured, and is in no etcd.
  const {saved} = await readPathMtus(config.paths.state, 'onlooker')
  const devicesOfUplinks = uplinkDevices(config.uplinks, carriers)
  const underlayMtus = config.uplinks.flatMap((uplink) => {
    const [device = ''] = uplinkDevices([uplink], carriers)
    const mtu = mtus.get(device)
    return mtu === undefined ? [] : [[uplink.name, mtu] as const]
  })
  const {desired, native} = createPlan()({
    config,
    world,
    policy,
    carriers: tunnels,
    keys: keys.known(),
    // These two are of BIRD's file alone, which is no part of the comparison.
    passwords: new Map(),
    draining: false,
    uplinkDevices: devicesOfUplinks,
    underlayMtus: new Map(underlayMtus),
    devices,
    limits: limitsOf(saved),
    // Whether the daemon may have one only its process knows.
    fastPath: nft?.chains.has(REMEMBERED_CHAIN) ?? false,
  })
  return {
    world,
    desired,
    native,
    uplinkDevices: devicesOfUplinks,
    exported: exportRecords(world, config, {tunnels: new Map()}),
  }
}

function batchOf(source: SourceId, {records, revision, clusterId}: Snapshot): DecodedBatch {
  const name = source.replace('/', ' ')
  const upserts = records.map((record) => decodeRecord(record, name))
  return {source, type: 'list', revision, clusterId, upserts, deletes: []}
}
