import type {StaticPrefixResource} from '../model/index.ts'
import {familyOf, parseAddress, parsePrefix, prefixFamily} from '../net/index.ts'
import {type Fields, show} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'

/** Isthmus' own kind: `spec.prefix`, under the labels of the metadata. A `spec.via` is for people alone: no gateway makes a route of it. */
export function decodeStaticPrefix(top: Fields, key: KeyName): StaticPrefixResource | null {
  const spec = top.object('spec')
  const prefix = parsePrefix(spec.text('prefix'))
  const viaText = spec.text('via')
  const via = parseAddress(viaText)
  if (prefix === null) {
    spec.fail('prefix', `${show(spec.raw('prefix'))} is not a prefix with its host bits cleared`)
    return null
  }
  if (viaText !== '' && (via === null || familyOf(via) !== prefixFamily(prefix))) {
    spec.fail('via', `${show(viaText)} is no address of the prefix's family`)
  } else if (viaText !== '') {
    spec.warn('via', 'makes no route: the way to a static prefix is in `static` of gateway.yaml')
  }
  return {kind: 'StaticPrefix', meta: metaOf(top, key), prefix}
}
