import type {CalicoNode} from '../model/index.ts'
import {type Address, familyOf, parseAddress} from '../net/index.ts'
import {type Fields, show} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'
import {asNumberOf} from './numorstring.ts'

type NodeAddress = CalicoNode['addresses'][number]

export function decodeNode(top: Fields, key: KeyName): CalicoNode {
  const spec = top.object('spec')
  const bgp = spec.object('bgp')
  const own = ['ipv4Address', 'ipv6Address'].flatMap((name) => {
    const text = bgp.text(name)
    const address = parseNodeAddress(text)
    if (text !== '' && address === null) bgp.fail(name, `${show(text)} is no address`)
    return address ?? []
  })
  return {
    kind: 'Node',
    meta: metaOf(top, key),
    addresses: own.length > 0 ? own : listedAddresses(spec),
    as: asNumberOf(bgp, 'asNumber'),
    bgp: spec.has('bgp'),
  }
}

/** Without `bgp` Felix takes InternalIP, then ExternalIP (felix/calc/l3_route_resolver.go): one for each family. */
function listedAddresses(spec: Fields): NodeAddress[] {
  const entries = spec.objects('addresses').map((entry) => ({type: entry.text('type'), text: entry.text('address')}))
  return ([4, 6] as const).flatMap((family) => {
    for (const type of ['InternalIP', 'ExternalIP']) {
      for (const entry of entries) {
        const found = entry.type === type ? parseNodeAddress(entry.text) : null
        if (found && familyOf(found.address) === family) return [found]
      }
    }
    return []
  })
}

/** `192.0.2.11/24`, host bits and all: the length is the test of CrossSubnet. No mask means the address alone. */
function parseNodeAddress(text: string): NodeAddress | null {
  const [addressText = '', lengthText, ...rest] = text.split('/')
  const address: Address | null = parseAddress(addressText)
  if (address === null || rest.length > 0) return null
  const width = familyOf(address) === 4 ? 32 : 128
  if (lengthText === undefined) return {address, length: width}
  const length = /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : width + 1
  return length <= width ? {address, length} : null
}
