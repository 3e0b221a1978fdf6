import type {WriteBackConfig} from '../model/index.ts'
import {familyOf} from '../net/index.ts'
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
  }
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

export const toWriteBack = (yaml: WriteBackYaml | undefined): WriteBackConfig | null =>
  yaml ? {...yaml, pools: yaml.pools ?? null} : null
