import type {HostEndpoint} from '../model/index.ts'
import {parseAddress} from '../net/index.ts'
import type {Fields} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'
import {namedPortsOf} from './workload-endpoint.ts'

export function decodeHostEndpoint(top: Fields, key: KeyName): HostEndpoint {
  const spec = top.object('spec')
  const addresses = spec.parsed('expectedIPs', parseAddress, 'an address without mask')
  if (spec.text('interfaceName') === '' && spec.list('expectedIPs').length === 0) {
    spec.fail('expectedIPs', 'missing, and no interfaceName either')
  }
  return {
    kind: 'HostEndpoint',
    meta: metaOf(top, key),
    node: spec.text('node'),
    addresses,
    profiles: spec.texts('profiles'),
    ports: namedPortsOf(spec),
  }
}
