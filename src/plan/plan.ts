import {siteRecords} from '../export/index.ts'
import {
  type Carriers,
  type Desired,
  type Finding,
  type GatewayConfig,
  type NativeWays,
  type NftTable,
  sourceRules,
  type WgPublicKey,
  type World,
} from '../model/index.ts'
import {planRouting, renderBird} from '../routing/index.ts'
import {type PlannedTunnels, planTunnels, retiredKeys, type Trial, type TunnelLimit} from '../tunnels/index.ts'
import {elementsIn, type Framed, isLargeJoin} from './large-join.ts'
import {nodeLinks} from './node-ipip.ts'
import {type PolicyPart, rulesetFrame, rulesetWith} from './ruleset.ts'
import {planSysctls} from './sysctls.ts'
import type {DeviceIndexes} from './trusted-ways.ts'

export interface PlanInput {
  readonly config: GatewayConfig
  readonly world: World
  readonly policy: PolicyPart & {readonly findings: readonly Finding[]}
  /** Absent: each pair of uplinks has the tunnel that the configuration says. */
  readonly carriers?: Carriers
  /** WireGuard keys by the name that `planTunnels` asked for. */
  readonly keys: ReadonlyMap<string, {publicKey: WgPublicKey; keyFile: string; port: number}>
  /** Contents of the secret files that the configuration names, by path; an unreadable one is absent. */
  readonly passwords: ReadonlyMap<string, string>
  /** The gateway is being emptied. */
  readonly draining: boolean
  /** Sessions over tunnels that come and go; the same object as long as it says the same. */
  readonly held?: ReadonlySet<string>
  /** Devices of the uplinks, as far as the kernel has them. */
  readonly uplinkDevices: readonly string[]
  /** Of uplinks that are to be shaped. */
  readonly queues?: Desired['queues']
  /** All devices that the kernel has but `lo`, with their index. */
  readonly devices: DeviceIndexes
  /** By tunnel device, where its path was found to carry less than is computed. */
  readonly limits: TunnelLimits
  /** The machine can have programs that let packets of trusted flows by; absent: it cannot. */
  readonly fastPath?: boolean
  /** Of the machine; absent: the table of flows stays as large as it is. */
  readonly memoryBytes?: number
  /** By uplink, what its device carries; the same object as long as it says the same. */
  readonly underlayMtus?: ReadonlyMap<string, number>
}

const NO_SESSIONS: ReadonlySet<string> = new Set()

type TunnelLimits = ReadonlyMap<string, TunnelLimit>

export interface Planned {
  readonly desired: Desired
  /** Tables that must be in force before the desired one, in their order, where that is not there yet. */
  readonly stages: readonly NftTable[]
  /** Keys that a tunnel waits for: make them and plan again. */
  readonly wantedKeys: readonly string[]
  /** Keys of tunnels that are gone. */
  readonly retiredKeys: readonly string[]
  /** What this was planned with. */
  readonly carriers: Carriers
  /** Of each tunnel's device as computed, whatever its path was found to carry. */
  readonly tunnelMtus: ReadonlyMap<string, number>
  /** Of those whose uplink carries more than Ethernet does, what they have until that has passed. */
  readonly usualMtus: ReadonlyMap<string, number>
  /** Devices on which the other form of a tunnel is tried. */
  readonly trials: readonly Trial[]
  /** Sites whose prefixes the WAN carries itself, alone or beside tunnels. */
  readonly native: NativeWays
}

export const plan = (input: PlanInput): Planned => createPlan()(input)

/**
 * Plans again and again: what comes of inputs that are the same objects as the time before is not made anew, so that an
 * endpoint costs what it touches. Sites, nodes and documents are the same objects as long as nothing in them changed.
 */
export function createPlan(): (input: PlanInput) => Planned {
  const meshOf = lastOf(
    (
      config: GatewayConfig,
      sites: World['sites'],
      keys: PlanInput['keys'],
      limits: TunnelLimits,
      carriers: Carriers,
      underlayMtus: ReadonlyMap<string, number>,
    ) => {
      const input = {config, sites, keys, limits, carriers, underlayMtus}
      return {...planTunnels(input), retiredKeys: retiredKeys(input, keys.keys())}
    },
  )
  const routingOf = lastOf(
    (
      config: GatewayConfig,
      sites: World['sites'],
      nodes: World['nodes'],
      blocks: World['blocks'],
      tunnels: Desired['tunnels'],
      passwords: PlanInput['passwords'],
      draining: boolean,
      held: ReadonlySet<string>,
      native: NativeWays,
    ) => {
      const world = {sites, nodes, blocks}
      const {bird, findings} = planRouting({config, world, tunnels, passwords, draining, held, native})
      return {text: renderBird(bird), findings}
    },
  )
  const linksOf = lastOf((config: GatewayConfig, links: Desired['links']) => [...links, ...nodeLinks(config)])
  const frameOf = lastOf(
    (
      config: GatewayConfig,
      sites: World['sites'],
      nodes: World['nodes'],
      nat: World['nat'],
      {tunnels, trials, links, wireguard, fouPorts, native}: PlannedTunnels,
      uplinkDevices: PlanInput['uplinkDevices'],
      devices: DeviceIndexes,
      limits: TunnelLimits,
      fastPath: boolean,
    ) =>
      rulesetFrame({
        ...{config, world: {sites, nodes}, nat, tunnels: [...tunnels, ...trials], trials, links, wireguard, fouPorts},
        ...{uplinkDevices, devices, limits, native, fastPath},
      }),
  )
  const sysctlsOf = lastOf(planSysctls)
  const rulesOf = lastOf(sourceRules)
  const recordsOf = lastOf(
    (config: GatewayConfig, sites: World['sites'], documents: World['documents'], offers: Offers) =>
      siteRecords({sites, documents}, config, {tunnels: offers}),
  )

  let before: Framed | null = null
  return ({config, world, policy, keys, passwords, draining, uplinkDevices, devices, limits, ...rest}) => {
    const {sites} = world
    const {
      held = NO_SESSIONS,
      queues = [],
      carriers = NO_CARRIERS,
      underlayMtus = NO_MTUS,
      memoryBytes,
      fastPath = false,
    } = rest
    const mesh = meshOf(config, sites, keys, limits, carriers, underlayMtus)
    const routing = routingOf(
      config,
      sites,
      world.nodes,
      world.blocks,
      mesh.tunnels,
      passwords,
      draining,
      held,
      mesh.native,
    )
    const nodes = config.nodes?.ipip ? world.nodes : NO_NODES
    const frame = frameOf(
      config,
      sites,
      nodes,
      world.nat,
      mesh,
      uplinkDevices,
      devices,
      limits,
      fastPath && config.fastPath,
    )
    const links = linksOf(config, mesh.links)
    const now: Framed = {config, sites, tunnels: mesh.tunnels, native: mesh.native, frame, elements: elementsIn(policy)}
    const {stages: parts = []} = policy
    const joined = isLargeJoin(before, now) ? before : null
    const stages = joined
      ? [...parts, policy].map((part) => rulesetWith(joined.frame, part))
      : parts.map((part) => rulesetWith(frame, part))
    before = now
    return {
      desired: {
        sysctls: sysctlsOf(links, memoryBytes),
        fouPorts: mesh.fouPorts,
        links,
        addresses: mesh.addresses,
        wireguard: mesh.wireguard,
        queues,
        sourceRules: rulesOf(config),
        nft: rulesetWith(frame, policy),
        bird: routing.text,
        exported: recordsOf(config, sites, world.documents, mesh.offers),
        tunnels: mesh.tunnels,
        findings: [...world.findings, ...policy.findings, ...mesh.findings, ...routing.findings],
      },
      stages,
      wantedKeys: mesh.wantedKeys,
      retiredKeys: mesh.retiredKeys,
      carriers,
      tunnelMtus: mesh.mtus,
      usualMtus: mesh.usualMtus,
      trials: mesh.trials,
      native: mesh.native,
    }
  }
}

/** Where nobody asks for them a node that comes or goes changes nothing of the frame. */
const NO_NODES: World['nodes'] = []
const NO_CARRIERS: Carriers = new Map()
const NO_MTUS: ReadonlyMap<string, number> = new Map()

type Offers = ReturnType<typeof planTunnels>['offers']

/** The last result, as long as the arguments are the same objects. */
function lastOf<A extends readonly unknown[], R>(make: (...args: A) => R): (...args: A) => R {
  let last: {readonly args: A; readonly result: R} | null = null
  return (...args) => {
    if (!last?.args.every((arg, index) => arg === args[index])) last = {args, result: make(...args)}
    return last.result
  }
}
