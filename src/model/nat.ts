import type {Address, Family, Prefix} from '../net/index.ts'
import type {SourceId} from './ids.ts'

/**
 * What Calico does to a datastore's pods: those of these pools go to these prefixes of remote sites with their node's
 * address, since a pool has `natOutgoing` and no pool holds the prefix (calico-model 5.5 b).
 */
export interface NatExposure {
  readonly source: SourceId
  readonly family: Family
  readonly pools: readonly string[]
  readonly prefixes: readonly Prefix[]
  readonly nodes: readonly {readonly name: string; readonly addresses: readonly Address[]}[]
}
