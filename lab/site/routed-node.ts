import {mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import type {NodePlan} from '../network/plan.ts'
import {startBird} from '../network/routers.ts'
import {command, inNamespace, must} from '../processes.ts'
import {allHosts, type CalicoNodeSketch, calicoBird, felixRoutes, poolsOf} from './calico-node.ts'
import {asAdmin, type EtcdPlan} from './etcd.ts'

const LOOK_MS = 2000
/** Routes of this protocol are this Felix'. */
const PROTOCOL = '80'

/**
 * A node behind a router, with as much of Felix and of confd as reads the datastore: routes through tunl0 of blocks and
 * Nodes, IPIP from known hosts alone, and a new configuration of BIRD where pools have changed. Gives what ends it.
 */
export async function startRoutedNode(
  node: NodePlan & {readonly routed: CalicoNodeSketch['routes']},
  gateways: readonly string[],
  etcd: EtcdPlan,
  dir: string,
): Promise<() => void> {
  const {namespace, address, blocks, name, routed} = node
  const birdOf = (records: ReadonlyMap<string, string>): string =>
    calicoBird({
      ...{address, as: 64512, blocks, routes: routed, pools: poolsOf(records)},
      peers: gateways.map((gateway) => ({address: gateway, as: 64512})),
    })
  mkdirSync(dir, {recursive: true})
  await must(['ip', '-n', namespace, '-batch', '-'], {
    input: `link set tunl0 up\naddress add ${tunnelAddress(blocks[0]!)}/32 dev tunl0\n`,
  })
  // As Calico has it: what comes out of the tunnel must be what would go into it.
  await must(inNamespace(namespace, 'sysctl', '-qw', 'net.ipv4.conf.tunl0.rp_filter=1'))
  let bird = birdOf(new Map())
  await startBird(namespace, bird, dir)

  let programmed = ''
  const look = async (): Promise<void> => {
    const records = await readCalico(etcd)
    const text = birdOf(records)
    if (text !== bird) {
      writeFileSync(join(dir, 'bird.conf'), text)
      await must(inNamespace(namespace, 'birdc', '-s', join(dir, 'bird.ctl'), 'configure'))
      bird = text
    }
    const routes = routed === 'felix' ? felixRoutes(records, name) : []
    const hosts = allHosts(records)
    const wanted = JSON.stringify([routes, hosts])
    if (wanted === programmed) return
    const added = routes.map((route) => `route add ${route} proto ${PROTOCOL}\n`).join('')
    await command(['ip', '-n', namespace, 'route', 'flush', 'proto', PROTOCOL])
    await must(['ip', '-n', namespace, '-batch', '-'], {input: added})
    await must(inNamespace(namespace, 'nft', '-f', '-'), {input: felixTable(hosts)})
    programmed = wanted
  }
  let timer: NodeJS.Timeout | null = null
  let ended = false
  const again = async (): Promise<void> => {
    // A datastore that does not answer changes nothing; so it is with Felix.
    await look().catch((error: unknown) => writeFileSync(join(dir, 'felix.log'), `${error}\n`, {flag: 'a'}))
    if (!ended) timer = setTimeout(() => void again(), LOOK_MS)
  }
  void again()
  return () => {
    ended = true
    if (timer) clearTimeout(timer)
  }
}

/** The first of the node's own block. */
const tunnelAddress = (block: string): string => block.split('/')[0]!

async function readCalico(etcd: EtcdPlan): Promise<Map<string, string>> {
  const all = await asAdmin(etcd, async (client) => client.getAll().prefix('/calico/').strings())
  return new Map(Object.entries(all))
}

const felixTable = (hosts: readonly string[]): string => `table inet felix
delete table inet felix
table inet felix {
  chain input {
    type filter hook input priority 0; policy accept;
    ${hosts.length === 0 ? '' : `meta l4proto 4 ip saddr { ${hosts.join(', ')} } accept`}
    meta l4proto 4 counter drop
  }
}
`
