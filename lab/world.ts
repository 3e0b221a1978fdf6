import {mkdirSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {type Agent, startAgent} from './agent/client.ts'
import {claim, refuseSecond} from './claim.ts'
import {withClock} from './clock.ts'
import {daemonArgv} from './gateway-daemon.ts'
import {buildNetwork, removeNetwork} from './network/build.ts'
import {type GatewayPlan, type LabPlan, PREFIX, planNetwork} from './network/plan.ts'
import {startBird, startFabric, startNode, startRouter} from './network/routers.ts'
import {type Part, pidsOf, signalPart} from './parts.ts'
import {daemon, inNamespace, must} from './processes.ts'
import {splitPart} from './scenario/references.ts'
import type {Scenario} from './scenario/schema.ts'
import {type Certificates, makeCertificates} from './site/certificates.ts'
import {startConntrackd} from './site/conntrackd.ts'
import {etcdPlan, startDatastore} from './site/datastores.ts'
import {inMemory, makeDisk, removeDisks} from './site/disks.ts'
import {type EtcdMember, type EtcdPlan, startEtcd} from './site/etcd.ts'
import {leaderOf} from './site/etcd-faults.ts'
import {gatewayYaml} from './site/gateway-yaml.ts'
import {startKeepalived} from './site/keepalived.ts'
import {startRoutedNode} from './site/routed-node.ts'

/** Everything that the lab keeps, in memory. */
export const LAB_DIR = '/run/isthmus-lab'

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
  /** `SITE/DATASTORE`, or `SITE/DATASTORE/etcdN` for one member. */
  members(ref: string): readonly EtcdMember[]
  start(ref: string, part: Part): Promise<void>
  signal(ref: string, part: Part, signal: NodeJS.Signals): Promise<void>
  /** Another CA and other certificates, in the same files. */
  renewCertificates(): Promise<void>
  stop(): Promise<void>
}

/** Takes away what an earlier lab left, killed hard or not; refuses while it lives. */
export async function cleanUp(): Promise<void> {
  refuseSecond(LAB_DIR)
  await removeNetwork()
  await removeDisks(LAB_DIR)
  rmSync(LAB_DIR, {recursive: true, force: true})
}

/** Builds the whole scenario on the running kernel and starts every part of it, in parallel where that is possible. */
export async function startWorld(scenario: Scenario, dir: string, tell: (line: string) => void): Promise<World> {
  await cleanUp()
  await inMemory(LAB_DIR)
  claim(LAB_DIR)
  const plan = planNetwork(scenario)
  const dirOf = (name: string): string => join(LAB_DIR, name)
  tell('network: namespaces, links, addresses; certificates')
  const servers = plan.datastores.flatMap(({members, relay}) =>
    members.map(({addresses}): [string, ...string[]] => [addresses.at(-1)!, ...(relay ? [relay.address] : [])]),
  )
  const renewCertificates = (): Promise<Certificates> => makeCertificates(dirOf('certificates'), servers)
  const [certificates] = await Promise.all([renewCertificates(), buildNetwork(plan)])

  const byRef = new Map(plan.gateways.map((gateway) => [`${gateway.site}/${gateway.name}`, gateway]))
  const firstOf = (site: string): GatewayPlan =>
    found(
      plan.gateways.find((gateway) => gateway.site === site),
      `site ${site} has no gateway`,
    )
  const etcds = new Map(
    plan.datastores.map((datastore): [string, EtcdPlan] => {
      return [datastore.ref, etcdPlan(datastore, firstOf(datastore.site).name, dirOf, certificates)]
    }),
  )
  const agents = new Map<string, Agent>()
  const gatewayOf = (ref: string): GatewayPlan => found(byRef.get(ref), `no gateway ${ref}`)
  /** Of a gateway it is the first of its site. */
  const etcdOf = (ref: string): EtcdPlan => {
    const first = byRef.has(ref) ? plan.datastores.find(({site}) => site === ref.split('/')[0]) : undefined
    return found(etcds.get(first?.ref ?? ref), byRef.has(ref) ? `no etcd at ${ref}` : `no datastore ${ref}`)
  }
  const membersOf = (ref: string, part = 'etcd'): readonly EtcdMember[] => {
    const {members} = etcdOf(ref)
    const chosen = part === 'etcd' ? members : members.filter(({name}) => name === part)
    if (chosen.length === 0) throw new Error(`no ${part} at ${ref}`)
    return chosen
  }

  async function startSite(name: string): Promise<void> {
    for (const gateway of plan.gateways.filter(({site}) => site === name)) {
      const {diskMiB} = scenario.sites[name]!.gateways[gateway.name]!
      if (diskMiB !== undefined) await makeDisk(join(dirOf(gateway.name), 'state'), diskMiB)
      prepareGateway(gateway, plan, scenario, dirOf, certificates)
    }
    const relayDir = dirOf(firstOf(name).name)
    const own = [...etcds.values()].filter(({datastore}) => datastore.site === name)
    await Promise.all(own.map((etcd) => startDatastore(etcd, {scenario, network: plan, dir, relayDir})))
  }

  const start = async (ref: string, part: Part, again = true): Promise<void> => {
    if (part !== 'isthmus' && part !== 'bird') throw new Error(`${part} cannot be started at ${ref}`)
    const gateway = gatewayOf(ref)
    const own = dirOf(gateway.name)
    if (part === 'bird') return startBird(gateway.namespace, null, own, again)
    const argv = daemonArgv(join(own, 'gateway.yaml'))
    const {clock} = scenario.sites[gateway.site]!.gateways[gateway.name]!
    const child = daemon(gateway.namespace, clock ? withClock(own, argv) : argv, join(own, 'isthmus.log'))
    writeFileSync(join(own, 'isthmus.pid'), `${child.pid}\n`)
  }
  const pidsAt = async (ref: string, part: Part): Promise<number[]> => {
    if (part === 'isthmus' || part === 'bird') {
      const {namespace, name} = gatewayOf(ref)
      return pidsOf(namespace, part, dirOf(name))
    }
    const members = part === 'leader' ? [await leaderOf(etcdOf(ref))] : membersOf(ref, part)
    return (await Promise.all(members.map(({namespace, dir: own}) => pidsOf(namespace, 'etcd', own)))).flat()
  }

  const lansOf = (site: string): string[] =>
    plan.gateways.flatMap((gateway) => (gateway.site === site ? gateway.lan : []))
  tell('routers, nodes, etcds with Calico data, pods')
  await Promise.all([
    ...plan.routers.map((router) => startRouter(router, dirOf(router.name))),
    ...plan.nodes.map((node) => (node.routed ? null : startNode(node, lansOf(node.site), dirOf(node.name)))),
    ...plan.fabrics.map((fabric) => {
      const nodes = plan.nodes.filter(({site, routed}) => site === fabric.site && routed === 'router')
      return fabric.speaks ? startFabric(fabric, nodes, lansOf(fabric.site), dirOf(`${fabric.site}.fabric`)) : null
    }),
    ...plan.pods.map(async (pod) => void agents.set(pod.ref, await startAgent(pod))),
    ...Object.keys(scenario.sites).map(startSite),
  ])
  const ends = await Promise.all(
    plan.nodes.flatMap((node) => {
      if (!node.routed || node.routed === 'router') return []
      return startRoutedNode(
        {...node, routed: node.routed},
        lansOf(node.site),
        etcdOf(`${node.site}/${node.datastore}`),
        dirOf(node.name),
      )
    }),
  )
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
        if (gateway.virtual && !gateway.behindRouter) startKeepalived(gateway, own)
        if (gateway.virtual) startConntrackd(gateway.namespace, gateway.virtual.link, own)
        await start(`${gateway.site}/${gateway.name}`, 'isthmus', false)
      }
    }),
  )

  return {
    scenario,
    plan,
    agents,
    gateway: gatewayOf,
    etcd: etcdOf,
    members: (ref) => (etcds.has(ref) ? membersOf(ref) : membersOf(...splitPart(ref))),
    dirOf,
    namespace(name) {
      const all = [...plan.routers, ...plan.gateways, ...plan.nodes]
      const pod = plan.pods.find(({ref}) => ref === name)
      const plain =
        all.find((other) => other.name === name) ??
        [...plan.switches, ...plan.fabrics].find(({namespace}) => namespace === PREFIX + name)
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
      const isMember = part.startsWith('etcd')
      const dead: EtcdMember[] = []
      for (const member of isMember ? membersOf(ref, part) : [])
        if ((await pidsOf(member.namespace, 'etcd', member.dir)).length === 0) dead.push(member)
      const runs = isMember ? dead.length === 0 : part !== 'leader' && (await pidsAt(ref, part)).length > 0
      if (runs) throw new Error(`${part} runs already at ${ref}`)
      if (isMember) await startEtcd(etcdOf(ref), dead)
      else await start(ref, part)
    },
    signal: async (ref, part, signal) => signalPart(`${ref}/${part}`, await pidsAt(ref, part), signal),
    renewCertificates: async () => void (await renewCertificates()),
    async stop() {
      for (const end of ends) end()
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
  const {secrets} = scenario.sites[gateway.site]!.gateways[gateway.name]!
  for (const [name, text] of Object.entries(secrets)) writeFileSync(join(own, name), `${text}\n`, {mode: 0o600})
  writeFileSync(join(own, 'gateway.yaml'), gatewayYaml(gateway, scenario, plan, files))
}
