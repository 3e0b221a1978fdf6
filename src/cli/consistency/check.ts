import {setTimeout as delay} from 'node:timers/promises'
import {
  type CheckReport,
  compareExport,
  compareJudgement,
  compareRoutes,
  compareTable,
  type Difference,
  differenceKey,
  type ExportReport,
  judgementOf,
} from '../../diagnose/index.ts'
import {diff} from '../../diff/index.ts'
import {type Finding, formatFinding, type GatewayConfig, type Snapshot} from '../../model/index.ts'
import {hostPrefix, isHostPrefix, type Prefix, parseAddress} from '../../net/index.ts'
import {type FreshPlan, freshPlan} from './fresh-plan.ts'
import {type KernelFacts, readKernel} from './read-kernel.ts'
import {type ReadSources, readSources, sameSources} from './read-sources.ts'
import {waysOf} from './ways.ts'

/** A change is in the kernel some tenths of a second after it was written, or less: what is on its way must arrive. */
const PATIENCE_MS = 5000
const AGAIN_MS = 500
/** A difference is one that stood still for so many readings. */
const READINGS = 3
/** Of a site that never stands still nothing can be said. */
const MOST_READINGS = 12
/** Beyond so many findings only their number is told. */
const MOST_FINDINGS = 50

interface Reading {
  readonly sources: ReadSources
  readonly differences: readonly Difference[]
  readonly evidence: readonly string[]
}

/**
 * Whether this gateway's kernel is what all etcds say, computed anew beside the daemon: it lists every etcd with the
 * daemon's rights, makes a federation, a compilation and a plan from nothing, and compares them with what the kernel's
 * own tools list. It compares again until nothing differs, or the same differs while no etcd changes.
 */
export async function checkConsistency(config: GatewayConfig): Promise<CheckReport> {
  const report = (
    evidence: readonly string[],
    findings: readonly Finding[],
    unreachable: string | null,
  ): CheckReport => ({
    ...{check: 'consistency', evidence, findings, unreachable},
  })
  const beganMs = performance.now()
  let stood: readonly Difference[] | null = null
  let times = 0
  let last: Reading | null = null
  for (let readings = 1; ; readings++) {
    const reading = await readOnce(config).catch((error: Error) => error)
    if (reading instanceof Error) return report([], [], reading.message)
    const {sources, differences, evidence} = reading
    if (sources.unread.length > 0) return report(evidence, [], sources.unread.map(formatFinding).join('; '))
    if (differences.length === 0) return report(evidence, [], null)
    const isStill = last !== null && sameSources(last.sources, sources)
    const before: ReadonlySet<string> | null = isStill && stood ? new Set(stood.map(differenceKey)) : null
    stood = before ? differences.filter((one) => before.has(differenceKey(one))) : differences
    times = before && stood.length > 0 ? times + 1 : 1
    last = reading
    if (performance.now() - beganMs > PATIENCE_MS) {
      if (times >= READINGS) return report(evidence, findingsOf(stood), null)
      if (readings >= MOST_READINGS) {
        const some = differences.slice(0, 3).map(({where}) => where)
        const words = `etcds or kernel changed all the time: no ${READINGS} readings agree`
        return report(evidence, [], `${words}; the last differed at ${some.join(', ')}`)
      }
    }
    await delay(AGAIN_MS)
  }
}

async function readOnce(config: GatewayConfig): Promise<Reading> {
  const sources = await readSources(config)
  const kernel = await readKernel()
  const plan = await freshPlan(config, sources.snapshots, kernel)
  const policy = kernel.nft
    ? [
        ...compareJudgement(judgementOf(kernel.nft.sets), judgementOf(plan.desired.nft.sets)),
        ...compareTable(kernel.nft, plan.desired.nft, kernel.devices),
      ]
    : [{where: 'table inet isthmus', kernel: 'not there', wanted: 'there'}]
  const ways = waysOf(config, plan.desired.tunnels, plan.native, plan.uplinkDevices)
  const routes = compareRoutes(kernel.routes, ways, remoteEndpoints(plan))
  const publication = publishedBy(config, sources.ownExport, plan)
  const differences = [
    ...policy.map((one) => withHolders(one, plan)),
    ...compareLinks(kernel, plan),
    ...routes.differences,
    ...publication.differences,
  ]
  const told = (name: string, {clusterId, revision, records}: Snapshot): string =>
    `${name}: revision ${revision} of cluster ${clusterId}, ${records.length} keys`
  const evidence = [
    ...[...sources.snapshots].map(([id, snapshot]) => told(id.replace('/', ' '), snapshot)),
    ...(sources.ownExport ? [told(`own export ${config.site}`, sources.ownExport)] : []),
    `kernel: ${hostsIn(kernel)} endpoints, ${kernel.nft?.chains.size ?? 0} chains, ${kernel.links.length} tunnels, ${kernel.routes.length} routes`,
    `remote endpoints: ${routes.reached} with a way, ${routes.unreached} without one now`,
    ...(publication.waiting > 0
      ? [`own export: ${publication.waiting} records of datastores that this configuration does not name`]
      : []),
    `differences: ${differences.length}`,
  ]
  return {sources, differences, evidence}
}

const hostsIn = ({nft}: KernelFacts): number =>
  (nft?.sets.get('class4')?.elements.size ?? 0) + (nft?.sets.get('class6')?.elements.size ?? 0)

/** Devices and addresses by the daemon's own diff, of which every step is a difference. */
function compareLinks(kernel: KernelFacts, {desired}: FreshPlan): Difference[] {
  const nothing = {
    sysctls: [],
    fouPorts: [],
    wireguard: [],
    queues: [],
    sourceRules: [],
    bird: '',
    nft: {...desired.nft, counters: [], sets: new Map(), chains: new Map(), fastPath: [], udpPorts: null},
  }
  const actual = {
    sysctls: new Map(),
    fouPorts: [],
    wireguard: [],
    queues: [],
    sourceRules: [],
    bird: {text: '', loaded: true},
    nft: null,
  }
  const {links, addresses} = kernel
  return diff({...desired, ...nothing}, {...actual, links, addresses}, {mayPrune: () => true}).map(({key, reason}) => ({
    where: key,
    kernel: reason,
    wanted: 'as planned',
  }))
}

function publishedBy(config: GatewayConfig, published: Snapshot | null, {exported}: FreshPlan): ExportReport {
  const text = new TextDecoder()
  const held = new Map(published?.records.map(({key, value}) => [key, text.decode(value)]))
  return compareExport(
    held,
    exported,
    config.datastores.map(({name}) => name),
  )
}

function* remoteEndpoints({world}: FreshPlan): Generator<readonly [string, Prefix]> {
  for (const [prefix, members] of world.members) {
    const remote = members.find(({site}) => site !== world.local)
    if (remote && isHostPrefix(prefix)) yield [remote.site, prefix]
  }
}

/** Says of an address which objects hold it, or that none does. */
function withHolders(difference: Difference, {world}: FreshPlan): Difference {
  const address = parseAddress(difference.where)
  if (address === null) return difference
  const holders = (world.members.get(hostPrefix(address)) ?? []).map(
    ({source, names}) => `${source.replace('/', ' ')}${names.length > 0 ? ` ${names.join(', ')}` : ''}`,
  )
  return {...difference, wanted: `${difference.wanted} (${holders.join('; ') || 'no etcd has it'})`}
}

function findingsOf(differences: readonly Difference[]): Finding[] {
  const told = differences.slice(0, MOST_FINDINGS).map(({where, kernel, wanted}): Finding => {
    const [source, key] = where.startsWith('own export ')
      ? ['export', where.slice('own export '.length)]
      : ['kernel', where]
    return {
      code: 'state-differs',
      severity: 'error',
      where: {source, key},
      detail: `${kernel}; by all etcds: ${wanted}`,
    }
  })
  const more = differences.length - told.length
  if (more > 0) {
    told.push({code: 'state-differs', severity: 'error', where: {source: 'kernel'}, detail: `${more} more differences`})
  }
  return told
}
