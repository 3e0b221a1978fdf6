import type {NetworkSet} from '../model/index.ts'
import {parseCidr} from '../net/index.ts'
import type {Fields} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'

/** NetworkSet and GlobalNetworkSet. A net that is none is skipped and the rest kept, as Felix does. */
export function decodeNetworkSet(top: Fields, key: KeyName): NetworkSet {
  const nets = top.object('spec').parsed('nets', parseCidr, 'a CIDR or an address', 'warn')
  return {kind: 'NetworkSet', meta: metaOf(top, key), nets: [...new Set(nets)]}
}
