import {type BlockAffinity, type CalicoNode, type Decoded, isGatewayNode, type SourceId} from '../model/index.ts'
import {comparePrefixes} from '../net/index.ts'
import {isWrittenByUs} from './holding.ts'

type Records = Iterable<{readonly source: SourceId; readonly record: Decoded}>

/** Nodes of the local clusters; what Isthmus wrote is no node of theirs. */
export function ownNodes(records: Records): readonly CalicoNode[] {
  const nodes = [...records].flatMap(({source, record}) =>
    record.type === 'resource' && record.resource.kind === 'Node' && !isWrittenByUs(record.resource.meta)
      ? [{order: `${record.resource.meta.name} ${source}`, node: record.resource}]
      : [],
  )
  return nodes.sort((a, b) => (a.order < b.order ? -1 : 1)).map(({node}) => node)
}

/** Blocks that nodes of the local clusters have, in order; what stands for remote prefixes is none of them. */
export function ownBlocks(records: Records): readonly BlockAffinity[] {
  return [...records]
    .flatMap(({record}) =>
      record.type === 'resource' &&
      record.resource.kind === 'BlockAffinity' &&
      record.resource.state === 'confirmed' &&
      !isGatewayNode(record.resource.node)
        ? [record.resource]
        : [],
    )
    .sort((a, b) => comparePrefixes(a.cidr, b.cidr) || (a.node < b.node ? -1 : 1))
}
