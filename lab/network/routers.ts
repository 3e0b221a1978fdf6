import {chmodSync, chownSync, existsSync, mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {command, daemon, inNamespace, must, until} from '../processes.ts'
import type {FabricPlan, NodePlan, RouterPlan} from './plan.ts'

/** Quick timers: a lab must not wait for the patience of real routers. */
const BIRD_TIMERS = 'connect delay time 1; connect retry time 1; error wait time 1, 1;'

/** Somebody else's WAN router: speaks eBGP, forwards, and knows nothing of Isthmus. */
export async function startRouter(router: RouterPlan, dir: string): Promise<void> {
  mkdirSync(dir, {recursive: true})
  await (router.engine === 'frr'
    ? startFrr(router, dir)
    : startBird(router.namespace, router.config ?? birdRouter(router), dir))
}

function birdRouter({as, routerId, neighbors}: RouterPlan): string {
  const session = (name: string, address: string, theirs: number, family: 4 | 6): string => `protocol bgp to_${name} {
  local as ${as};
  neighbor ${address} as ${theirs};
  ${BIRD_TIMERS}
  ipv${family} { import all; export all; next hop self; };
}`
  const sessions = neighbors.flatMap(({name, address, address6, as: theirs}) => [
    session(name, address, theirs, 4),
    ...(address6 === null ? [] : [session(`${name}_6`, address6, theirs, 6)]),
  ])
  return `router id ${routerId};
protocol device { scan time 1; }
protocol direct { ipv4; ipv6; interface "to-*"; }
protocol kernel { ipv4 { export all; }; merge paths on; }
protocol kernel { ipv6 { export all; }; merge paths on; }
${sessions.join('\n')}
`
}

/** Starts BIRD in a namespace; `-f` keeps it in the foreground, so that its log is the file. */
export async function startBird(
  namespace: string,
  config: string | null,
  dir: string,
  restarted = false,
): Promise<void> {
  const file = join(dir, 'bird.conf')
  if (config !== null) writeFileSync(file, config)
  const socket = join(dir, 'bird.ctl')
  const recover = restarted ? ['-R'] : []
  daemon(
    namespace,
    // As on a gateway: others' work must not take the time of BFD.
    ['nice', '-n', '-15', 'bird', '-f', ...recover, '-c', file, '-s', socket, '-P', join(dir, 'bird.pid')],
    join(dir, 'bird.log'),
  )
  await until(`BIRD in ${namespace}`, async () => {
    // A look costs nothing, a process each time takes from an emulated CPU what BIRD itself needs.
    if (!existsSync(socket)) return null
    const {status} = await command(['birdc', '-s', socket, 'show', 'status'])
    return status === 0 ? true : null
  })
}

function frrRouter({namespace, as, routerId, neighbors}: RouterPlan): string {
  const six = neighbors.flatMap(({address6, as: theirs}) =>
    address6 === null ? [] : [{address: address6, as: theirs}],
  )
  const lines = [...neighbors, ...six].flatMap(({address, as: theirs}) => [
    ` neighbor ${address} remote-as ${theirs}`,
    ` neighbor ${address} timers connect 1`,
    ` neighbor ${address} advertisement-interval 0`,
  ])
  const activated = six.map(({address}) => `  neighbor ${address} activate`)
  return `hostname ${namespace}
router bgp ${as}
 bgp router-id ${routerId}
 no bgp ebgp-requires-policy
 no bgp network import-check
${lines.join('\n')}
 address-family ipv4 unicast
  redistribute connected
${six.map(({address}) => `  no neighbor ${address} activate\n`).join('')} exit-address-family
 address-family ipv6 unicast
  redistribute connected
${activated.join('\n')}
 exit-address-family
`
}

async function startFrr(router: RouterPlan, dir: string): Promise<void> {
  const {namespace} = router
  const config = router.config ?? frrRouter(router)
  for (const name of ['zebra', 'bfdd']) writeFileSync(join(dir, `${name}.conf`), `hostname ${namespace}\n`)
  writeFileSync(join(dir, 'bgpd.conf'), config)
  // FRR's daemons drop to its user, which must own what they write.
  const [uid, gid] = (await must(['sh', '-c', 'id -u frr; id -g frr'])).split('\n').map(Number)
  chownSync(dir, uid!, gid!)
  chmodSync(dir, 0o755)
  const zapi = join(dir, 'zserv.api')
  const start = (name: string, ...more: string[]): void => {
    const files = ['-f', join(dir, `${name}.conf`), '-i', join(dir, `${name}.pid`), '-z', zapi, '--vty_socket', dir]
    daemon(namespace, [`/usr/lib/frr/${name}`, ...files, '-A', '127.0.0.1', ...more], join(dir, `${name}.log`))
  }
  start('zebra')
  await until(`zebra in ${namespace}`, async () => (existsSync(zapi) ? true : null))
  if (/\bbfd\b/.test(config)) start('bfdd', '--bfdctl', join(dir, 'bfdd.sock'))
  start('bgpd')
  const socket = join(dir, 'bgpd.vty')
  await until(`bgpd in ${namespace}`, async () =>
    existsSync(socket) && (await vtysh(namespace, dir, 'show version')).status === 0 ? true : null,
  )
}

export const vtysh = (namespace: string, dir: string, line: string) =>
  command(inNamespace(namespace, 'vtysh', '--vty_socket', dir, '-d', 'bgpd', '-c', line))

/** What calico/node's BIRD does, for one node: announces its blocks to the gateways, installs what it hears. */
export async function startNode(node: NodePlan, gateways: readonly string[], dir: string): Promise<void> {
  mkdirSync(dir, {recursive: true})
  if (!node.calico) return
  const blocks = node.blocks.map((block) => `  route ${block} blackhole;`).join('\n')
  const sessions = gateways.map(
    (address, index) => `protocol bgp to_gateway${index + 1} {
  local ${node.address} as 64512;
  neighbor ${address} as 64512;
  multihop;
  graceful restart;
  ${BIRD_TIMERS}
  ipv4 { import all; export where proto = "blocks"; };
}`,
  )
  await startBird(
    node.namespace,
    `router id ${node.address};
protocol device { scan time 1; }
protocol direct { ipv4; interface -"cali*", "*"; }
protocol static blocks { ipv4; 
${blocks}
}
protocol kernel { ipv4 { export where source = RTS_BGP || proto = "blocks"; }; graceful restart; persist; }
${sessions.join('\n')}
`,
    dir,
  )
}

/** A site's own router that speaks for its nodes: iBGP with both gateways, no BFD, graceful restart, as such routers come. */
export async function startFabric(
  {namespace, lan}: FabricPlan,
  nodes: readonly NodePlan[],
  gateways: readonly string[],
  dir: string,
): Promise<void> {
  mkdirSync(dir, {recursive: true})
  const blocks = nodes.flatMap(({address, blocks: own}) => own.map((block) => `  route ${block} via ${address};`))
  const sessions = gateways.map(
    (address, index) => `protocol bgp to_gateway${index + 1} {
  local ${lan} as 64512;
  neighbor ${address} as 64512;
  multihop;
  graceful restart;
  ${BIRD_TIMERS}
  ipv4 { import all; export where proto = "blocks"; next hop self; };
}`,
  )
  await startBird(
    namespace,
    `router id ${lan};
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol static blocks { ipv4;
${blocks.join('\n')}
}
protocol kernel { ipv4 { export where source = RTS_BGP || proto = "blocks"; }; graceful restart; persist; }
${sessions.join('\n')}
`,
    dir,
  )
}
