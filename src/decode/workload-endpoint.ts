import type {NamedPort, WorkloadEndpoint} from '../model/index.ts'
import {type Address, isHostPrefix, parseCidr, prefixAddress} from '../net/index.ts'
import type {Fields} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'
import {portProtocolOf} from './numorstring.ts'
import {parseWorkloadName} from './workload-name.ts'

export function decodeWorkloadEndpoint(top: Fields, key: KeyName): WorkloadEndpoint {
  const spec = top.object('spec')
  const name = parseWorkloadName(key.name)
  if (name === null) top.differ('metadata.name', `${key.name} has not the four parts of a WorkloadEndpoint's name`)
  const workload = spec.text('pod') || spec.text('workload')
  if (name) {
    agree(spec, 'node', name.node)
    agree(spec, 'orchestrator', name.orchestrator)
    agree(spec, 'endpoint', name.endpoint)
    if (name.orchestrator === 'cni') agree(spec, 'containerID', name.workload)
    else if (name.orchestrator !== 'libnetwork') agree(spec, spec.has('pod') ? 'pod' : 'workload', name.workload)
  }
  // Felix treats it as missing (felix/calc/validation_filter.go), so no packet ever reaches it.
  if (spec.text('interfaceName') === '') spec.fail('interfaceName', 'missing')
  return {
    kind: 'WorkloadEndpoint',
    meta: metaOf(top, key),
    node: spec.text('node') || (name?.node ?? ''),
    pod: workload || (name?.workload ?? ''),
    addresses: spec.parsed('ipNetworks', parseHostNetwork, 'a /32 or /128'),
    profiles: spec.texts('profiles'),
    ports: namedPortsOf(spec),
    serviceAccount: spec.text('serviceAccountName') || null,
  }
}

function agree(spec: Fields, field: string, fromName: string): void {
  const value = spec.text(field)
  if (value !== '' && value !== fromName) spec.differ(field, `${value} is not the name's ${fromName}`)
}

function parseHostNetwork(text: string): Address | null {
  const prefix = parseCidr(text)
  return prefix !== null && isHostPrefix(prefix) ? prefixAddress(prefix) : null
}

/** Ports with a name; those without exist for their host port only. */
export function namedPortsOf(spec: Fields): NamedPort[] {
  const ports: NamedPort[] = []
  for (const entry of spec.objects('ports')) {
    const name = entry.text('name')
    if (name === '') continue
    const protocol = portProtocolOf(entry, 'protocol')
    const port = entry.integer('port', 1, 65535)
    if (port === null && !entry.has('port')) entry.fail('port', 'missing')
    if (protocol !== null && port !== null) ports.push({name, protocol, port})
  }
  return ports
}
