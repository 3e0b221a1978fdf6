import {command, inNamespace, kill, must, pidsIn} from '../processes.ts'
import {type LabPlan, PREFIX} from './plan.ts'

/** Makes every namespace, link and address of the plan. One `ip -batch` a namespace: in an emulated VM forks are dear. */
export async function buildNetwork(plan: LabPlan): Promise<void> {
  const members = plan.datastores.flatMap((datastore) => datastore.members.filter(({port}) => port !== null))
  const namespaces = [
    ...[...plan.routers, ...plan.switches, ...plan.fabrics, ...plan.gateways],
    ...[...plan.nodes, ...plan.pods, ...members],
  ].map(({namespace}) => namespace)
  await batch(
    null,
    namespaces.map((namespace) => `netns add ${namespace}`),
  )

  const links: string[] = []
  const inside = new Map<string, string[]>(namespaces.map((namespace) => [namespace, ['link set lo up']]))
  const add = (namespace: string, ...lines: string[]): void => void inside.get(namespace)!.push(...lines)
  const veth = (a: [namespace: string, device: string], b: [namespace: string, device: string]): void => {
    links.push(`link add ${a[1]} netns ${a[0]} type veth peer name ${b[1]} netns ${b[0]}`)
    for (const [namespace, device] of [a, b]) add(namespace, `link set ${device} up`)
  }

  for (const {namespace} of plan.switches) add(namespace, 'link add lan0 type bridge', 'link set lan0 up')
  const plug = (site: string, port: string, namespace: string, address: string, address6?: string): void => {
    const lan = plan.switches.find((other) => other.site === site)!.namespace
    veth([lan, port], [namespace, 'lan0'])
    add(lan, `link set ${port} master lan0`)
    add(namespace, `address add ${address}/24 dev lan0`)
    if (address6) add(namespace, `address add ${address6}/64 dev lan0 nodad`)
  }
  for (const {namespace, underlay, uplink6, wan, lan, lan6, site, name, virtual} of plan.gateways) {
    veth([namespace, 'wan0'], [wan.router.namespace, wan.router.device])
    add(namespace, `address add ${wan.local}/31 dev wan0`, `address add ${underlay}/32 dev lo`)
    add(wan.router.namespace, `address add ${wan.router.address}/31 dev ${wan.router.device}`)
    if (uplink6) {
      add(namespace, `address add ${wan.local6}/127 dev wan0 nodad`, `address add ${uplink6.underlay}/128 dev lo`)
      add(wan.router.namespace, `address add ${wan.router.address6}/127 dev ${wan.router.device} nodad`)
    }
    plug(site, `g-${name}`, namespace, lan, lan6)
    if (virtual) {
      const {device, own, other} = virtual.link
      if (own < other) veth([namespace, device], [virtual.twinNamespace, device])
      add(namespace, `address add ${own}/24 dev ${device}`)
    }
  }
  for (const {namespace, site, lan, address, prefix} of plan.fabrics) {
    plug(site, 'p-fabric', namespace, lan)
    add(namespace, 'link add nodes0 type bridge', `address add ${address}/24 dev nodes0`, 'link set nodes0 up')
    for (const gateway of plan.gateways.filter((one) => one.site === site)) {
      add(gateway.namespace, `route add ${prefix} via ${lan}`)
    }
  }
  for (const {namespace, site, name, address, address6, calico, gateway, gateway6, routed} of plan.nodes) {
    if (routed) {
      const fabric = plan.fabrics.find((one) => one.site === site)!.namespace
      veth([fabric, `p-${name}`], [namespace, 'lan0'])
      add(fabric, `link set p-${name} master nodes0`)
      add(namespace, `address add ${address}/24 dev lan0`, `route add default via ${gateway}`)
      continue
    }
    plug(site, `p-${name}`, namespace, address, address6)
    add(namespace, `route add default via ${gateway6}`)
    if (!calico) add(namespace, `route add default via ${gateway}`)
  }
  for (const {site, members: own} of plan.datastores) {
    for (const {namespace, addresses, port} of own) {
      if (port !== null) plug(site, port, namespace, addresses[0])
    }
  }
  for (const {ends} of plan.routerLinks) {
    const [left, right] = ends
    veth([left.namespace, left.device], [right.namespace, right.device])
    for (const {namespace, device, address, address6} of ends) {
      add(namespace, `address add ${address}/31 dev ${device}`, `address add ${address6}/127 dev ${device} nodad`)
    }
  }
  for (const pod of plan.pods) {
    veth([pod.nodeNamespace, pod.device], [pod.namespace, 'eth0'])
    // As Calico has it: the pod sees only its node, behind an address that is nobody's.
    add(
      pod.nodeNamespace,
      `link set ${pod.device} address ee:ee:ee:ee:ee:ee`,
      `route add ${pod.address}/32 dev ${pod.device}`,
    )
    add(
      pod.namespace,
      `address add ${pod.address}/32 dev eth0`,
      'route add 169.254.1.1 dev eth0',
      'route add default via 169.254.1.1',
      'neighbour add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent',
    )
  }
  for (const {nodeNamespace, namespace, device, address6} of plan.pods) {
    if (address6 === null) continue
    add(nodeNamespace, `route add ${address6}/128 dev ${device}`)
    add(
      namespace,
      `address add ${address6}/128 dev eth0 nodad`,
      'route add default via fe80::1 dev eth0',
      'neighbour add fe80::1 lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent',
    )
  }
  await batch(null, links)
  await Promise.all([...inside].map(([namespace, lines]) => batch(namespace, lines)))
  await Promise.all([
    ...[...plan.routers, ...plan.fabrics, ...plan.nodes].map(({namespace}) => forwarding(namespace)),
    ...[...plan.switches, ...plan.fabrics].map(({namespace}) => switching(namespace)),
  ])
}

async function batch(namespace: string | null, lines: readonly string[]): Promise<void> {
  const where = namespace === null ? [] : ['-n', namespace]
  await must(['ip', ...where, '-batch', '-'], {input: `${lines.join('\n')}\n`})
}

/** Routers and nodes forward; a gateway's own settings are the daemon's to make. */
async function forwarding(namespace: string): Promise<void> {
  const ipv4 = ['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0']
  const settings = [...ipv4, 'net.ipv6.conf.all.forwarding=1']
  await must(inNamespace(namespace, 'sysctl', '-qw', ...settings))
}

/** What passes a switch is no business of any ruleset (with br_netfilter it would be). */
async function switching(namespace: string): Promise<void> {
  const settings = ['net.bridge.bridge-nf-call-iptables=0', 'net.bridge.bridge-nf-call-ip6tables=0']
  await must(inNamespace(namespace, 'sysctl', '-eqw', ...settings))
}

/** Ends what runs in the lab's namespaces and takes them away; finds them by name, whoever made them. */
export async function removeNetwork(): Promise<number> {
  const {stdout} = await command(['ip', 'netns', 'list'])
  const namespaces = stdout
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter((name) => name.startsWith(PREFIX))
  for (const namespace of namespaces) {
    for (const pid of await pidsIn(namespace)) kill(pid, 'SIGKILL')
  }
  if (namespaces.length > 0)
    await batch(
      null,
      namespaces.map((namespace) => `netns delete ${namespace}`),
    )
  return namespaces.length
}
