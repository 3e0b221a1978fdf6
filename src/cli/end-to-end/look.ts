import type {ApiClient, GatewayStatus, Rows} from '../../api/client.ts'
import {type AllowedWays, addressesIn, type KernelRoute, routesIn} from '../../diagnose/index.ts'
import {type GatewayConfig, nativeByConfig, neighborsTo, uplinkDevices} from '../../model/index.ts'
import {addressFromNumber, parseCidr, prefixFamily, prefixRange} from '../../net/index.ts'
import {waysOf} from '../consistency/ways.ts'
import type {CliContext} from '../context.ts'
import type {Facts, FlowLook, RouteLook, SiteFacts, TunnelFacts} from './judge-site.ts'
import {type KernelJudge, kernelJudge} from './kernel-verdict.ts'
import {pick, type SampledFlow, sampleFlows} from './sample.ts'
import type {Tools} from './tools.ts'

/** What every site is looked at with. */
export interface Looker {
  readonly context: CliContext
  readonly api: ApiClient
  readonly config: GatewayConfig
  readonly status: GatewayStatus
  readonly peers: readonly Rows['peers'][]
  readonly endpoints: ReadonlyMap<string, readonly Rows['endpoints'][]>
  readonly routes: Facts<readonly KernelRoute[]>
  readonly uplinkDevices: readonly string[]
  readonly judge: Facts<KernelJudge>
  readonly tools: Tools
  readonly below: (bound: number) => number
}

/** Of each site so many endpoints are enough to choose from, and so many pages are read for them. */
const ENOUGH = 100
const MOST_PAGES = 20
const PAGE = 5000

/** Of some sites addresses that policy knows: endpoints, and one in each prefix that a site speaks for. */
export async function endpointsOf(
  api: ApiClient,
  sites: readonly string[],
  below: (bound: number) => number,
): Promise<Map<string, Rows['endpoints'][]>> {
  const found = new Map<string, Rows['endpoints'][]>(sites.map((site) => [site, []]))
  let cursor: string | null = null
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer: Awaited<ReturnType<typeof api.get<'endpoints'>>> = await api.get('endpoints', null, {
      limit: PAGE,
      cursor,
    })
    if (!answer.ok) return found
    for (const row of answer.value.items) {
      const some = found.get(row.site)
      if (!some || some.length >= ENOUGH || row.kind === 'set') continue
      some.push({...row, address: addressIn(row.address, below)})
    }
    cursor = answer.value.next
    if (cursor === null || [...found.values()].every(({length}) => length >= ENOUGH)) break
  }
  return found
}

/** Some address of a prefix, or the address itself; not the first, which is mostly the net's own. */
function addressIn(text: string, below: (bound: number) => number): string {
  const prefix = parseCidr(text)
  if (!text.includes('/') || prefix === null) return text
  const {first, last} = prefixRange(prefix)
  const size = last - first > MOST_OF_PREFIX ? MOST_OF_PREFIX : last - first
  return addressFromNumber(size === 0n ? first : first + 1n + BigInt(below(Number(size))), prefixFamily(prefix))
}

const MOST_OF_PREFIX = 1n << 30n

/** Routes of both families, as `ip` lists them. */
export async function kernelRoutes({tool}: Tools): Promise<Facts<readonly KernelRoute[]>> {
  const answers = await Promise.all([tool('ip', '-4', '-j', 'route', 'show'), tool('ip', '-6', '-j', 'route', 'show')])
  const wrong = answers.find(({ok}) => !ok)
  return wrong ? {why: `ip: ${wrong.said}`} : {seen: answers.flatMap(({said}) => routesIn(said))}
}

export async function uplinkDevicesNow({uplinks}: GatewayConfig, {tool}: Tools): Promise<readonly string[]> {
  const {ok, said} = await tool('ip', '-j', 'address', 'show')
  return uplinkDevices(uplinks, addressesIn(ok ? said : '[]').carriers)
}

export async function kernelJudgeOr({tool}: Tools): Promise<Facts<KernelJudge>> {
  return await kernelJudge(tool).then(
    (seen) => ({seen}),
    (error: Error) => ({why: `nft: ${error.message}`}),
  )
}

/** Everything about one remote site. */
export async function lookAt(looker: Looker, site: string): Promise<SiteFacts> {
  const {context, config, status} = looker
  const remote = [...config.sites.values()].find(({name}) => name === site)!
  const ways = waysOf(config, status.tunnels, nativeByConfig(config), looker.uplinkDevices).find(
    (one) => one.site === site,
  )!
  const neighbors: readonly string[] = neighborsTo(remote)
  const tunnels = status.tunnels.filter((tunnel) => neighbors.includes(tunnel.site))
  context.progress(`${site}: tunnels`)
  const isNative = remote.encapsulation === 'none' && remote.via.length === 0
  const looked = isNative ? null : await Promise.all(tunnels.map((tunnel) => lookAtTunnel(looker, tunnel)))
  context.progress(`${site}: routes and policy`)
  return {
    site,
    ...{row: status.sites.find(({name}) => name === site) ?? null, tunnels: looked, ways},
    source: status.datastores.find(({name}) => name === `export/${site}`) ?? null,
    kernel: await lookAtRoutes(looker, ways),
    policy: await lookAtPolicy(looker, site),
  }
}

const LEAST_RTT_MS = 50

async function lookAtTunnel({context, peers, tools}: Looker, tunnel: Rows['tunnels']): Promise<TunnelFacts> {
  const {name, device, local: source, peer: target, mtu} = tunnel
  const small = await tools.echo({target, source, device, count: 1}, context.until)
  const rttMs = Math.max(LEAST_RTT_MS, small.maxMs ?? 0)
  const full = mtu === null ? null : await tools.probeOnce(tunnel, mtu, rttMs, context.until)
  return {tunnel, small, full, peers: peers.filter((one) => one.kind === 'tunnel' && one.name === name)}
}

const LOOKED_UP = 3

async function lookAtRoutes(looker: Looker, {site}: AllowedWays): Promise<SiteFacts['kernel']> {
  const {routes, endpoints, tools, below} = looker
  if ('why' in routes) return routes
  const looked: RouteLook[] = []
  // A prefix that is spoken for need not be announced as a whole.
  const hosts = (endpoints.get(site) ?? []).filter(({kind}) => kind !== 'prefix')
  for (const {address} of pick(hosts, LOOKED_UP, below)) {
    const {ok, said} = await tools.tool('ip', '-j', 'route', 'get', address)
    const [answer] = ok ? (JSON.parse(said) as {dev?: string; prefsrc?: string}[]) : []
    looked.push({address, device: answer?.dev ?? null, source: answer?.prefsrc ?? null})
  }
  return {seen: {routes: routes.seen, looked}}
}

/** What changes just now is in the kernel after this, or the two do not agree. */
const AGAIN_MS = 1000

async function lookAtPolicy(looker: Looker, site: string): Promise<Facts<readonly FlowLook[]>> {
  const {context, config, endpoints, judge, tools, below} = looker
  if ('why' in judge) return judge
  const flows = sampleFlows(endpoints.get(config.site) ?? [], endpoints.get(site) ?? [], below)
  const looks = await lookAtFlows(looker, judge.seen, flows)
  if ('why' in looks) return looks
  const differing = flows.filter((_, index) => !agrees(looks.seen[index]!))
  if (differing.length === 0) return looks
  await context.clock.sleep(AGAIN_MS)
  const fresh = await kernelJudgeOr(tools)
  const again = 'why' in fresh ? fresh : await lookAtFlows(looker, fresh.seen, differing)
  return 'why' in again ? again : {seen: [...looks.seen.filter(agrees), ...again.seen]}
}

const agrees = ({daemon, kernel}: FlowLook): boolean => daemon === 'closed' || daemon === kernel

async function lookAtFlows(
  {api}: Looker,
  judge: KernelJudge,
  flows: readonly SampledFlow[],
): Promise<Facts<readonly FlowLook[]>> {
  const looks: FlowLook[] = []
  for (const flow of flows) {
    const {from, to, protocol, number, ...ports} = flow
    const traced = await api.trace({from, to, protocol, ...ports})
    if (!traced.ok) return {why: `policy trace: ${traced.message}`}
    const {verdict, reason} = traced.value
    const daemon = reason === 'closed' ? 'closed' : verdict === 'allow' ? 'allow' : 'deny'
    const decided = judge(flow)
    const options = [
      ...(ports.sourcePort === undefined ? [] : [`--source-port ${ports.sourcePort}`]),
      ...(ports.port === undefined ? [`--type ${ports.type}`] : [`--port ${ports.port}`]),
    ]
    looks.push({
      ...{flow: `${from} → ${to} ${protocol}${ports.port === undefined ? '' : ` ${ports.port}`}`, daemon},
      ...{kernel: decided.verdict, chain: decided.chain},
      trace: `isthmus policy trace --from ${from} --to ${to} --protocol ${protocol} ${options.join(' ')}`,
    })
  }
  return {seen: looks}
}
