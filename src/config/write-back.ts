import {LARGEST_BLOCK, type WriteBackConfig} from '../model/index.ts'
import {familyOf, type Prefix, prefixFamily, prefixLength} from '../net/index.ts'
import {parseSelector} from '../selectors/index.ts'
import type {Path} from '../yaml/index.ts'
import {conflict, type Problem} from './problem.ts'
import type {GatewayYaml} from './schema.ts'

type WriteBackYaml = NonNullable<GatewayYaml['datastores'][number]['writeBack']>

export function* checkWriteBack(yaml: GatewayYaml): Generator<Problem> {
  for (const [index, {kind, writeBack}] of yaml.datastores.entries()) {
    if (!writeBack) continue
    const path: Path = ['datastores', index, 'writeBack']
    if (kind !== 'calico') yield conflict(path, `no Calico reads a datastore of kind ${kind}`, 'take it out')
    if (writeBack.namespaces.length > 0 && !writeBack.sets) {
      yield conflict([...path, 'namespaces'], 'namespaces without sets', 'add `sets: true`')
    }
    yield* checkPeers(writeBack, yaml, path)
    yield* checkGateways(writeBack, yaml, [...path, 'gateways'])
  }
}

/** So much is written to etcd at most: each block is some 40 KB, and every Felix reads them all. */
const MOST_BLOCKS = 256

function* checkGateways({gateways, pools}: WriteBackYaml, {nodes, sites}: GatewayYaml, path: Path): Generator<Problem> {
  if (!gateways) return
  const {addresses, blocks} = gateways
  const ipip = nodes?.ipip
  if (!ipip) yield conflict(path, 'the gateway takes no IPIP from nodes', 'add `nodes: {ipip: {address: …}}`')
  if (pools?.encapsulation !== 'ipip') {
    yield conflict(path, 'Calico uses IPIP only inside a pool that says so', 'add `pools: {encapsulation: ipip}`')
  }
  for (const [index, address] of addresses.entries()) {
    const at = [...path, 'addresses', index]
    if (familyOf(address) !== 4) yield conflict(at, `${address} is not IPv4`, "Calico's IPIP is IPv4 in IPv4")
    if (addresses.indexOf(address) < index) yield conflict(at, `${address} is given twice`, 'take one of them out')
  }
  if (ipip && !addresses.includes(ipip.address)) {
    const detail = `${ipip.address} of \`nodes.ipip\` is missing: nodes drop IPIP from it`
    yield conflict([...path, 'addresses'], detail, 'add it')
  }
  if (blocks === undefined) return
  if (!addresses.includes(blocks)) yield conflict([...path, 'blocks'], `${blocks} is none of addresses`, 'name one')
  const count = Object.values(sites).reduce(
    (sum, {owns}) => sum + owns.reduce((all, own) => all + blockCount(own), 0),
    0,
  )
  if (count > MOST_BLOCKS) {
    const detail = `the prefixes of remote sites are ${count} blocks of 4096 addresses; ${MOST_BLOCKS} are the most`
    yield conflict([...path, 'blocks'], detail, 'grant less, or leave it out and let BIRD make the routes')
  }
}

function blockCount(prefix: Prefix): number {
  return prefixFamily(prefix) === 6 ? 0 : 2 ** Math.max(0, LARGEST_BLOCK - prefixLength(prefix))
}

function* checkPeers({peers}: WriteBackYaml, yaml: GatewayYaml, path: Path): Generator<Problem> {
  const seen = new Set<string>()
  for (const [index, {address, nodeSelector}] of peers.entries()) {
    const at = [...path, 'peers', index]
    if (!yaml.nodes) yield conflict(at, 'the gateway speaks BGP with no nodes', 'add `nodes: {session: ibgp, …}`')
    if (familyOf(address) !== 4) yield conflict([...at, 'address'], `${address} is not IPv4`, 'sessions to nodes are')
    if (seen.has(`${address} ${nodeSelector}`)) yield conflict(at, `${address} is given twice`, 'take one of them out')
    seen.add(`${address} ${nodeSelector}`)
    const selector = parseSelector(nodeSelector)
    if (!selector.ok) yield conflict([...at, 'nodeSelector'], 'not a selector', "such as all() or rack == 'r1'")
  }
}

export function toWriteBack(yaml: WriteBackYaml | undefined): WriteBackConfig | null {
  if (!yaml) return null
  const {gateways, pools, ...rest} = yaml
  const nodes = gateways ? {gateways: {...gateways, blocks: gateways.blocks ?? null}} : {}
  return {...rest, pools: pools ?? null, ...nodes}
}
