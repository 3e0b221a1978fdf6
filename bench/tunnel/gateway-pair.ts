import {spawnSync} from 'node:child_process'
import path from 'node:path'
import type {Encapsulation, GatewayConfig, NftTable, SiteName, SiteView} from '../../src/model/index.ts'
import {type PolicyPart, rulesetFrame, rulesetWith} from '../../src/plan/ruleset.ts'
import type {DeviceIndexes} from '../../src/plan/trusted-ways.ts'
import {createKeyStore} from '../../src/store/index.ts'
import {type PlannedTunnels, planTunnels} from '../../src/tunnels/index.ts'
import {configOf, type Sketch, viewOf} from '../../test/support/interconnect.ts'
import {createNamespace, type Namespace} from '../../test/support/namespace.ts'
import {DEFAULT, loadGateway, NEAR_SIDE} from '../policy/gateway-table.ts'
import {type RouterBed, receiverMac, routerMac, steered, type Wires} from '../policy/router-bed.ts'
import {sitePrefix} from '../policy/workload.ts'
import type {Devices} from './devices-process.ts'

const DEVICES_PROCESS = path.resolve(import.meta.dirname, 'devices-process.ts')
/** Uplinks are named like their devices. */
const UPLINK = 'wan'
const FAR_ROUTER_MAC = '02:00:00:00:00:04'
/** Of devices in the ruleset, which the script has by name. */
const FIRST_INDEX = 1001
/** Of all hosts' devices: what the narrowest of these tunnels carries (wireguard), so that all ways carry the same. */
export const HOST_MTU = 1420
export const HOST_ROUTER = '198.51.100.1'

/** Two gateways with one tunnel between them, as their own plans have it, and the whole table of each. */
export interface GatewayPair {
  readonly a: GatewayEnd
  readonly b: GatewayEnd
}

export interface GatewayEnd {
  readonly config: GatewayConfig
  readonly sites: ReadonlyMap<SiteName, SiteView>
  readonly plan: PlannedTunnels
  readonly table: (policy: PolicyPart, fastPath: boolean) => NftTable
  readonly devices: DeviceIndexes
}

/** Sites a and b of the workload, a with so many uplinks. Keys are real, and stay in `folder`. */
export async function planPair(
  encapsulation: Encapsulation,
  folder: string,
  overrides: (number: number) => Partial<GatewayConfig> = () => ({}),
  uplinks: readonly string[] = [UPLINK],
): Promise<GatewayPair> {
  const site = (name: string, number: number) => ({name, number, owns: [sitePrefix(number - 1)]})
  const sketch: Sketch = {sites: [{...site('a', 1), uplinks}, site('b', 2)], pairs: {'a b': encapsulation}}
  const plans = await Promise.all(
    ['a', 'b'].map(async (name, index) => {
      const config = configOf(sketch, name, {default: DEFAULT, ...overrides(index + 1)})
      const {store} = await createKeyStore(path.join(folder, `${encapsulation}-${name}`))
      const plan = async (views: ReadonlyMap<SiteName, SiteView>): Promise<PlannedTunnels> => {
        await store.make(planTunnels({config, sites: views, keys: new Map()}).wantedKeys)
        return planTunnels({config, sites: views, keys: store.known()})
      }
      return {name, config, plan}
    }),
  )
  const viewsOf = (offers: readonly PlannedTunnels['offers'][]) =>
    new Map(plans.map(({name}, index) => [name as SiteName, viewOf(sketch, name, offers[index])]))
  const first = await Promise.all(plans.map(({plan}) => plan(viewsOf([]))))
  const views = viewsOf(first.map(({offers}) => offers))
  const [a, b] = await Promise.all(plans.map(async ({config, plan}) => endOf(config, views, await plan(views))))
  return {a: a!, b: b!}
}

function endOf(config: GatewayConfig, sites: ReadonlyMap<SiteName, SiteView>, plan: PlannedTunnels): GatewayEnd {
  if (plan.tunnels.length === 0) throw new Error(`the bench is wrong: ${JSON.stringify(plan.findings)}`)
  const uplinkDevices = config.uplinks.map(({name}) => name)
  const names = [NEAR_SIDE, ...uplinkDevices, ...plan.tunnels.map(({device}) => device)]
  const devices = new Map(names.map((name, index) => [name, FIRST_INDEX + index]))
  const table = (policy: PolicyPart, fastPath: boolean): NftTable =>
    rulesetWith(rulesetFrame({config, world: {sites}, ...plan, uplinkDevices, devices, fastPath}), policy)
  return {config, sites, plan, devices, table}
}

/** Puts the gateway's table in force, its devices by the indexes that they have there, and its fast path. */
export const loadEnd = (namespace: Namespace, end: GatewayEnd, policy: PolicyPart, fastPath = true): void =>
  loadGateway(namespace, end.table(policy, fastPath), {judged: false, devices: end.devices})

/**
 * Two routers in a row between sender and receiver; `load` puts a ruleset in force at each. What goes between them goes through
 * the pair's tunnel, or as it is.
 */
export const twoRouters =
  (
    {sender, receiver}: Pick<RouterBed, 'sender' | 'receiver'>,
    pair: GatewayPair,
    {tunnelled, load}: {tunnelled: boolean; load: (namespace: Namespace, end: GatewayEnd) => void},
  ) =>
  ({index, near, far}: Wires): readonly Namespace[] => {
    const [a, b] = [createNamespace(`a${index}`), createNamespace(`b${index}`)]
    a.run(`ip link add ${UPLINK} type veth peer name ${UPLINK} netns ${b.name}`)
    const ends = [
      {space: a, end: pair.a, host: sender, device: near, mac: routerMac, hostMac: nearMac, number: 1},
      {space: b, end: pair.b, host: receiver, device: far, mac: FAR_ROUTER_MAC, hostMac: receiverMac, number: 2},
    ]
    for (const {space, end, host, device, mac, hostMac, number} of ends) {
      space.run(`ip link add ${device} netns ${host.name} type veth peer name ${NEAR_SIDE}
        sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \\
          net.ipv4.conf.${NEAR_SIDE}.rp_filter=0 net.ipv4.conf.${UPLINK}.rp_filter=0
        ip link set ${NEAR_SIDE} address ${mac} up
        ip link set ${UPLINK} up
        ip address add ${underlay(number)}/24 dev ${UPLINK}
        ip address add ${HOST_ROUTER}/30 dev ${NEAR_SIDE}
        ip neighbour add 198.51.100.2 lladdr ${hostMac} dev ${NEAR_SIDE} nud permanent
        ip route add ${sitePrefix(number - 1)} via 198.51.100.2
        ${steered(NEAR_SIDE)}`)
      host.run(`ip link set ${device} address ${hostMac} mtu ${HOST_MTU} up
        ip neighbour add ${HOST_ROUTER} lladdr ${mac} dev ${device} nud permanent`)
      const far = sitePrefix(2 - number)
      if (!tunnelled) space.run(`ip route add ${far} via ${underlay(3 - number)}`)
      else {
        makeDevices(space, end.plan)
        const {device: tunnel, peer} = end.plan.tunnels[0]!
        space.run(`ip route add ${far} via ${peer} dev ${tunnel}`)
      }
      load(space, end)
    }
    // Neighbours and keys are found before anything is measured.
    a.run(tunnelled ? `ping -qc3 -i0.2 ${pair.a.plan.tunnels[0]!.peer}` : `ping -qc1 ${underlay(2)}`)
    return [a, b]
  }

const nearMac = '02:00:00:00:00:01'

/** As the sketch of the sites numbers them. */
export const underlay = (number: number): string => `192.0.2.${number * 8}`

export function makeDevices({name}: Namespace, {links, addresses, wireguard, fouPorts}: PlannedTunnels): void {
  const devices: Devices = {links, addresses, wireguard, fouPorts}
  const {status, signal, error, stderr} = spawnSync(
    'ip',
    ['netns', 'exec', name, process.execPath, ...process.execArgv, DEVICES_PROCESS],
    {
      ...{input: JSON.stringify(devices), encoding: 'utf8'},
    },
  )
  if (status !== 0) throw new Error(stderr || `no devices: status ${status}, ${error ?? signal}`)
}
