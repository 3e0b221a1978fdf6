import {parseProtocol} from '../decode/index.ts'
import {ISTHMUS_LABELS} from '../model/index.ts'
import {parseAddress, parseCidr, parsePrefix} from '../net/index.ts'
import {documentOf, type Scope, subdomain} from './envelope.ts'
import {also, doubtful, fields, integer, isObject, listOf, type Shape, show, text, wrong} from './shape.ts'
import {PORT_NAME, setNet} from './words.ts'

/** Addresses under labels, in no namespace or in one. */
export function setOf(scope: Scope): Shape {
  return also(documentOf(scope, subdomain, fields({nets: listOf(setNet)})), (document, _path, into) => {
    const metadata = isObject(document.metadata) ? document.metadata : {}
    const own = isObject(metadata.labels) ? metadata.labels : {}
    for (const name of Object.keys(own)) {
      const at = ['metadata', 'labels', name]
      if (name === 'projectcalico.org/namespace')
        into.push(wrong(at, `a set may not say ${name}`, 'use a NetworkSet of that namespace'))
      if (/^pcns\.|^pcsa\./.test(name) || ISTHMUS_LABELS.includes(name))
        into.push(doubtful(at, `${name} on a set does not count`))
    }
    const nets = isObject(document.spec) && Array.isArray(document.spec.nets) ? document.spec.nets : []
    const seen = new Map<string, number>()
    for (const [index, net] of nets.entries()) {
      const prefix = typeof net === 'string' ? parseCidr(net) : null
      if (prefix === null) continue
      const first = seen.get(prefix)
      if (first === undefined) seen.set(prefix, index)
      else into.push(doubtful(['spec', 'nets', index], `${net} stands at nets[${first}] already`))
    }
  })
}

/** Our own kind: addresses that no Calico stands behind. */
export const staticPrefix = documentOf(
  'cluster',
  subdomain,
  fields(
    {
      prefix: text((value) =>
        parsePrefix(value) ? null : {detail: `${show(value)} is no prefix`, remedy: 'a CIDR without host bits'},
      ),
      via: text((value) => (parseAddress(value) ? null : {detail: `${show(value)} is no address`})),
    },
    ['prefix'],
  ),
)

const protocolWithPorts: Shape = (value, path, into) => {
  if ([6, 17, 132].includes(parseProtocol(value) ?? 0)) return
  into.push(wrong(path, `${show(value)} has no ports`, 'TCP, UDP or SCTP'))
}

const endpointPort = fields(
  {
    name: text((name) => (PORT_NAME.test(name) ? null : {detail: `${show(name)} is no name of a port`})),
    protocol: protocolWithPorts,
    port: integer(1, 65535),
  },
  ['name', 'protocol', 'port'],
)

const hostAddress = text((value) =>
  parseAddress(value) ? null : {detail: `${show(value)} is no address`, remedy: 'an address without a mask'},
)

/** A machine, as rules see it: by its addresses. */
export const hostEndpoint: Shape = also(
  documentOf(
    'cluster',
    subdomain,
    fields(
      {
        node: text(),
        interfaceName: text(),
        expectedIPs: listOf(hostAddress),
        profiles: listOf(text()),
        ports: listOf(endpointPort),
      },
      ['node'],
    ),
  ),
  ({spec}, _path, into) => {
    if (!isObject(spec)) into.push(wrong(['spec'], 'missing, and required'))
    else if (!spec.interfaceName && !(Array.isArray(spec.expectedIPs) && spec.expectedIPs.length > 0)) {
      into.push(
        wrong(['spec', 'expectedIPs'], 'neither expectedIPs nor interfaceName', 'rules see a host by its expectedIPs'),
      )
    }
  },
)
