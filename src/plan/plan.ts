import {siteRecords} from '../export/index.ts'
import type {Desired, Finding, GatewayConfig, NftTable, WgPublicKey, World} from '../model/index.ts'
import {planRouting, renderBird} from '../routing/index.ts'
import {planTunnels} from '../tunnels/index.ts'
import {type PolicyPart, planRuleset} from './ruleset.ts'
import {planSysctls} from './sysctls.ts'
import type {DeviceIndexes} from './trusted-ways.ts'

export interface PlanInput {
  readonly config: GatewayConfig
  readonly world: World
  readonly policy: PolicyPart & {readonly findings: readonly Finding[]}
  /** WireGuard keys by the name that `planTunnels` asked for. */
  readonly keys: ReadonlyMap<string, {publicKey: WgPublicKey; keyFile: string; port: number}>
  /** Contents of the secret files that the configuration names, by path; an unreadable one is absent. */
  readonly passwords: ReadonlyMap<string, string>
  /** Devices of the uplinks, as far as the kernel has them. */
  readonly uplinkDevices: readonly string[]
  /** All devices that the kernel has but `lo`, with their index. */
  readonly devices: DeviceIndexes
}

export interface Planned {
  readonly desired: Desired
  /** Tables that must be in force before the desired one, in their order, where that is not there yet. */
  readonly stages: readonly NftTable[]
  /** Keys that a tunnel waits for: make them and plan again. */
  readonly wantedKeys: readonly string[]
}

export function plan(input: PlanInput): Planned {
  const {config, world, policy, keys, uplinkDevices, devices} = input
  const mesh = planTunnels({config, sites: world.sites, keys})
  const routing = planRouting({config, world, tunnels: mesh.tunnels, passwords: input.passwords})
  const {tunnels, links} = mesh
  const tableWith = (part: PolicyPart): NftTable =>
    planRuleset({config, world, tunnels, links, uplinkDevices, devices, policy: part})
  return {
    desired: {
      sysctls: planSysctls(mesh.links),
      links: mesh.links,
      addresses: mesh.addresses,
      wireguard: mesh.wireguard,
      nft: tableWith(policy),
      bird: renderBird(routing.bird),
      exported: siteRecords(world, config, {tunnels: mesh.offers}),
      tunnels: mesh.tunnels,
      findings: [...world.findings, ...policy.findings, ...mesh.findings, ...routing.findings],
    },
    stages: (policy.stages ?? []).map(tableWith),
    wantedKeys: mesh.wantedKeys,
  }
}
