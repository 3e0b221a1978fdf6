import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {type Agent, startAgent} from './agent/client.ts'
import {claim, refuseSecond} from './claim.ts'
import {DAEMON, daemonArgv} from './gateway-daemon.ts'
import {buildNetwork, removeNetwork} from './network/build.ts'
import {type GatewayPlan, type LabPlan, planNetwork} from './network/plan.ts'
import {startBird, startNode, startRouter} from './network/routers.ts'
import {daemon, inNamespace, kill, must, pidsIn, until} from './processes.ts'
import type {Scenario} from './scenario/schema.ts'
import {documentEntries, type Entry, generatedEntries, siteEntries} from './site/calico-data.ts'
import {type Certificates, makeCertificates} from './site/certificates.ts'
import {type EtcdPlan, fill, secureEtcd, startEtcd} from './site/etcd.ts'
import {gatewayYaml} from './site/gateway-yaml.ts'

/** Everything that the lab keeps on disk; on tmpfs, gone with the machine. */
export const LAB_DIR = '/run/isthmus-lab'

const ROOT = join(import.meta.dirname, '..')
export const CLI = join(ROOT, 'dist', 'isthmus.mjs')

export type Part = 'isthmus' | 'bird' | 'etcd'

/** A running lab. */
export interface World {
  readonly scenario: Scenario
  readonly plan: LabPlan
  readonly agents: ReadonlyMap<string, Agent>
  /** By `SITE/GATEWAY`, or `SITE/DATASTORE` for its etcd. */
  gateway(ref: string): GatewayPlan
  etcd(ref: string): EtcdPlan
  dirOf(name: string): string
  /** Namespace by name of a router, gateway or node, or by `SITE/POD`, `SITE/GATEWAY`. */
  namespace(name: string): string
  /** Address of a pod, or the address itself. */
  addressOf(target: string): string
  start(ref: string, part: Part): Promise<void>
  signal(ref: string, part: Part, signal: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

/** Takes away what an earlier lab left, killed hard or not; refuses while it lives. */
export async function cleanUp(): Promise<void> {
  refuseSecond(LAB_DIR)
  await removeNetwork()
  rmSync(LAB_DIR, {recursive: true, force: true})
}

/** Builds the whole scenario on the running kernel and starts every part of it, in parallel where that is possible. */
export async function startWorld(scenario: Scenario, dir: string, tell: (line: string) => void): Promise<World> {
  await cleanUp()
  claim(LAB_DIR)
  const plan = planNetwork(scenario)
  const dirOf = (name: string): string => join(LAB_DIR, name)
  tell('network: namespaces, links, addresses; certificates')
  const underlays = plan.gateways.map(({underlay}) => underlay)
  const [certificates] = await Promise.all([makeCertificates(dirOf('certificates'), underlays), buildNetwork(plan)])

  const byRef = new Map(plan.gateways.map((gateway) => [`${gateway.site}/${gateway.name}`, gateway]))
  const etcds = new Map<string, EtcdPlan>()
  const agents = new Map<string, Agent>()
  const gatewayOf = (ref: string): GatewayPlan => found(byRef.get(ref), `no gateway ${ref}`)

  async function startSite(name: string): Promise<void> {
    const site = scenario.sites[name]!
    const gateways = plan.gateways.filter((gateway) => gateway.site === name)
    const first = found(gateways[0], `site ${name} has no gateway`)
    for (const gateway of gateways) prepareGateway(gateway, plan, scenario, dirOf, certificates)
    const [datastore, spec] = Object.entries(site.datastores)[0]!
    const etcd: EtcdPlan = {
      namespace: first.namespace,
      underlay: first.underlay,
      dir: dirOf(first.name),
      data: dirOf(`etcd-${name}`),
      certificates,
    }
    etcds.set(`${name}/${datastore}`, etcd)
    await startEtcd(etcd)
    await fill(etcd, dataOf(name, scenario, plan, dir))
    if (spec.generate) {
      const {endpoints, attributeSets} = spec.generate
      await fill(etcd, generatedEntries(name, scenario, endpoints, attributeSets))
    }
    await secureEtcd(etcd)
  }

  const start = async (ref: string, part: Part, again = true): Promise<void> => {
    const gateway = gatewayOf(ref)
    const own = dirOf(gateway.name)
    if (part === 'bird') await startBird(gateway.namespace, null, own, again)
    else if (part === 'etcd')
      await startEtcd(
        found(
          [...etcds.values()].find(({dir: at}) => at === own),
          `no etcd at ${ref}`,
        ),
      )
    else {
      const child = daemon(gateway.namespace, daemonArgv(join(own, 'gateway.yaml')), join(own, 'isthmus.log'))
      writeFileSync(join(own, 'isthmus.pid'), `${child.pid}\n`)
    }
  }

  tell('routers, nodes, etcds with Calico data, pods')
  await Promise.all([
    ...plan.routers.map((router) => startRouter(router, dirOf(router.name))),
    ...plan.nodes.map((node) => {
      const gateway = plan.gateways.find(({site}) => site === node.site)
      return startNode(node, gateway?.lan ?? '', dirOf(node.name))
    }),
    ...plan.pods.map(async (pod) => void agents.set(pod.ref, await startAgent(pod))),
    ...Object.keys(scenario.sites).map(startSite),
  ])
  tell('gateways: BIRD and Isthmus')
  await Promise.all(
    plan.gateways.map(async (gateway) => {
      const {manual} = scenario.sites[gateway.site]!.gateways[gateway.name]!
      const own = dirOf(gateway.name)
      if (manual) {
        for (const line of manual.commands) await must(inNamespace(gateway.namespace, 'sh', '-ec', line))
        await startBird(gateway.namespace, manual.bird, own)
      } else {
        await startBird(gateway.namespace, 'protocol device {}\n', own)
        await start(`${gateway.site}/${gateway.name}`, 'isthmus', false)
      }
    }),
  )

  return {
    scenario,
    plan,
    agents,
    gateway: gatewayOf,
    etcd: (ref) =>
      found(
        etcds.get(ref) ?? etcds.get([...etcds.keys()].find((key) => key.split('/')[0] === ref.split('/')[0]) ?? ''),
        `no datastore ${ref}`,
      ),
    dirOf,
    namespace(name) {
      const all = [...plan.routers, ...plan.gateways, ...plan.nodes]
      const pod = plan.pods.find(({ref}) => ref === name)
      const plain = all.find((other) => other.name === name)
      return found(pod?.namespace ?? plain?.namespace ?? byRef.get(name)?.namespace, `nothing is called ${name}`)
    },
    addressOf: (target) =>
      target.includes('/')
        ? found(
            plan.pods.find(({ref}) => ref === target),
            `no pod ${target}`,
          ).address
        : target,
    async start(ref, part) {
      // A second one would fight the first, and whatever is then seen would be the first's work.
      if ((await pidsOf(gatewayOf(ref), part, dirOf)).length > 0) throw new Error(`${part} runs already at ${ref}`)
      await start(ref, part)
    },
    async signal(ref, part, signal) {
      const gateway = gatewayOf(ref)
      const pids = await pidsOf(gateway, part, dirOf)
      if (pids.length === 0) throw new Error(`no ${part} runs at ${ref}`)
      for (const pid of pids) kill(pid, signal)
      const gone = async (): Promise<true | null> => ((await pidsOf(gateway, part, dirOf)).length === 0 ? true : null)
      if (signal === 'SIGKILL') await until(`${ref}/${part} dead`, gone)
    },
    async stop() {
      for (const agent of agents.values()) agent.close()
      await cleanUp()
    },
  }
}

function found<T>(value: T | undefined, problem: string): T {
  if (value === undefined) throw new Error(problem)
  return value
}

function prepareGateway(
  gateway: GatewayPlan,
  plan: LabPlan,
  scenario: Scenario,
  dirOf: (name: string) => string,
  certificates: Certificates,
): void {
  const own = dirOf(gateway.name)
  mkdirSync(own, {recursive: true})
  const files = {dir: own, certificates}
  writeFileSync(join(own, 'gateway.yaml'), gatewayYaml(gateway, scenario, plan, files))
}

function dataOf(name: string, scenario: Scenario, plan: LabPlan, dir: string): Entry[] {
  const site = scenario.sites[name]!
  const entries: Entry[] = []
  for (const {kind, resources} of Object.values(site.datastores)) {
    if (kind === 'calico') entries.push(...siteEntries(name, site, plan))
    if (resources) entries.push(...documentEntries(readFileSync(join(dir, resources), 'utf8'), 'calico'))
  }
  if (name === scenario.authority) {
    for (const file of scenario.policies)
      entries.push(...documentEntries(readFileSync(join(dir, file), 'utf8'), 'isthmus'))
  }
  return entries
}

/** Processes of one part of a gateway: by what their command line says, among those of its namespace. */
async function pidsOf(gateway: GatewayPlan, part: Part, dirOf: (name: string) => string): Promise<number[]> {
  const mark = part === 'isthmus' ? DAEMON : part === 'bird' ? join(dirOf(gateway.name), 'bird.conf') : 'etcd'
  const pids = await pidsIn(gateway.namespace)
  return pids.filter((pid) => {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      return part === 'etcd' ? argv[0]?.endsWith(mark) : argv.includes(mark)
    } catch {
      return false
    }
  })
}
