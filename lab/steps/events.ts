import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {Part} from '../parts.ts'
import {inNamespace, must} from '../processes.ts'
import {splitPart} from '../scenario/references.ts'
import type {Event} from '../scenario/schema.ts'
import {documentEntries} from '../site/calico-data.ts'
import {deleteKey, putAll} from '../site/etcd.ts'
import type {World} from '../world.ts'
import {endPartitions, makeFault} from './faults.ts'
import {runCheck} from './look.ts'

/** Node's pipes are sockets, which nft 1.0.9 refuses to read a script from. */
const NFT_SCRIPT = ['sh', '-c', 'cat | nft -f -']

/** Makes something happen to the lab. Throws when it cannot: a step that did not take place proves nothing. */
export async function makeHappen(world: World, event: Event, dir: string): Promise<void> {
  if ('put' in event) {
    const text = readFileSync(join(dir, event.put.resource), 'utf8')
    await putAll(world.etcd(event.put.datastore), documentEntries(text, treeOf))
  } else if ('putRaw' in event) {
    const {putRaw} = event
    const bytes = 'text' in putRaw ? putRaw.text : Buffer.from(putRaw.base64, 'base64')
    await putAll(world.etcd(putRaw.datastore), [[putRaw.key, bytes]])
  } else if ('delete' in event) await deleteKey(world.etcd(event.delete.datastore), event.delete.key)
  else if ('kill' in event) await world.signal(...partOf(event.kill), `SIG${event.signal}`)
  else if ('start' in event) await world.start(...partOf(event.start))
  else if ('exec' in event) await must(inNamespace(world.namespace(event.exec.in), 'sh', '-ec', event.exec.command))
  else if ('cut' in event) await cut(world, event.cut)
  else if ('mend' in event) await mend(world)
  else if ('until' in event) {
    const {ok, detail} = await runCheck(world, event.until)
    if (!ok) throw new Error(`${event.until.name}: ${detail}`)
  } else if ('waitMs' in event) await new Promise((resolve) => setTimeout(resolve, event.waitMs))
  else await makeFault(world, event)
}

/** Policies of the interconnect go where `isthmus apply` puts them; the rest is a cluster's own data. */
const treeOf = (kind: string): 'calico' | 'isthmus' => (OF_THE_INTERCONNECT.has(kind) ? 'isthmus' : 'calico')
const OF_THE_INTERCONNECT: ReadonlySet<string> = new Set(['GlobalNetworkPolicy', 'StagedGlobalNetworkPolicy', 'Tier'])

function partOf(text: string): [ref: string, part: Part] {
  const [ref, part] = splitPart(text)
  return [ref, part as Part]
}

/** What tunnels look like on the wire: IPIP, SIT, VXLAN, fou's port and WireGuard's. */
const TUNNELS = ['meta l4proto { 4, 41 } drop', 'udp dport { 4789, 5555, 5556 } drop', 'udp dport 51820-51999 drop']

async function cut(world: World, what: 'tunnels' | [string, string]): Promise<void> {
  const rules =
    what === 'tunnels'
      ? TUNNELS
      : [[0, 1] as const, [1, 0] as const].flatMap(([a, b]) => {
          const [from, to] = [world.gateway(what[a]).underlay, world.gateway(what[b]).underlay]
          return TUNNELS.map((rule) => `ip saddr ${from} ip daddr ${to} ${rule}`)
        })
  const text = `table inet labcut { chain forward { type filter hook forward priority -100; policy accept;\n${rules.join('\n')}\n}\n}\n`
  await Promise.all(world.plan.routers.map(({namespace}) => must(inNamespace(namespace, ...NFT_SCRIPT), {input: text})))
}

async function mend(world: World): Promise<void> {
  const text = 'table inet labcut {}\ndelete table inet labcut\n'
  await Promise.all(world.plan.routers.map(({namespace}) => must(inNamespace(namespace, ...NFT_SCRIPT), {input: text})))
  await endPartitions(world)
}
