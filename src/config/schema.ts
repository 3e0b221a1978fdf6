import * as z from 'zod'
import {NAME_RULE, PATH_DEFAULTS, parseDatastoreName, parseGatewayName, parseSiteName} from '../model/index.ts'
import {parsePort} from '../net/index.ts'
import {apiSchema} from './api.ts'
import {parseDuration} from './duration.ts'
import {CONFIG_VERSION} from './migrate.ts'
import {clusterId, wanPeer} from './peer-schema.ts'
import {routeTable} from './route-table.ts'
import {absolutePath, address, as, listen, parsed, prefix, secret, uplinkName} from './scalars.ts'

const siteName = parsed(parseSiteName, `a site name (${NAME_RULE})`)
const gatewayName = parsed(parseGatewayName, `a gateway name (${NAME_RULE})`)
const parseEndpoint = (text: string): string | null => {
  const match = /^(https?):\/\/(\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(\d+)$/.exec(text)
  return match && parsePort(match[3]!) !== null ? text : null
}
export const endpoints = z.array(parsed(parseEndpoint, 'an etcd address such as https://192.0.2.1:2379')).min(1)

const tls = z.strictObject({ca: absolutePath, cert: absolutePath.optional(), key: absolutePath.optional()})
const user = z.strictObject({
  name: parsed((text) => (/^\S(?:.*\S)?$/.test(text) ? text : null), 'the name of an etcd user'),
  password: secret,
})
const labels = z.record(z.string(), z.string())

const encapsulation = z.enum(['ipip', 'fou', 'wireguard', 'vxlan', 'none', 'auto'])

export const device = parsed((text) => (/^[^\s/]{1,15}$/.test(text) ? text : null), 'a network device name')

const uplink = z.strictObject({
  name: uplinkName,
  address,
  public: address.optional(),
  device: device.optional(),
  inner: z.array(address).min(2).max(4),
  rateMbit: z.int().min(1).max(30_000).optional(),
  gateway: address.optional(),
  table: z.int().min(1).max(32_765).optional(),
})

/** fping sends to each of them twenty times a second. */
const MOST_WATCHED = 16
const lan = z.strictObject({device, address, twin: address, watch: z.array(address).max(MOST_WATCHED).default([])})

const namespace = parsed(
  (text) => (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text) ? text : null),
  'the name of a namespace',
)

const writeBack = z.strictObject({
  sets: z.boolean().default(false),
  namespaces: z.array(namespace).default([]),
  pools: z
    .strictObject({encapsulation: z.enum(['never', 'ipip']).default('never'), bgpExport: z.boolean().default(false)})
    .optional(),
  peers: z.array(z.strictObject({address, nodeSelector: z.string().default('all()')})).default([]),
  gateways: z.strictObject({addresses: z.array(address).min(1), blocks: address.optional()}).optional(),
  dryRun: z.boolean().default(false),
})

const seconds = z.int().min(0).max(31_536_000)
/** A datastore's records wait for a reboot of the gateway that names it; a gateway's for one that etcd does not see. */
const removeAfterSeconds = z.strictObject({datastores: seconds.default(300), gateways: seconds.default(86_400)})

const datastore = z.strictObject({
  name: parsed(parseDatastoreName, `a datastore name (${NAME_RULE})`),
  kind: z.enum(['calico', 'isthmus', 'file']),
  endpoints: endpoints.optional(),
  path: absolutePath.optional(),
  tls: tls.optional(),
  user: user.optional(),
  insecure: z.boolean().optional(),
  export: z
    .strictObject({localPolicies: z.boolean().default(false), removeAfterSeconds: removeAfterSeconds.prefault({})})
    .optional(),
  writeBack: writeBack.optional(),
})

const duration = parsed(parseDuration, 'a duration such as 30s, 5m, 24h or 7d')

/** Times without a word from the site, and what becomes of what it said. */
const count = z.int().min(1)
const limits = z.strictObject({
  keys: count.default(300_000),
  attributeSets: count.default(10_000),
  mebibytes: count.default(256),
})

const udpPort = z.int().min(1).max(65_535)

const lost = z.strictObject({
  suspectAfter: duration.prefault('30s'),
  staleAfter: duration.prefault('5m'),
  after: duration.prefault('24h'),
  // biome-ignore lint/suspicious/noThenProperty: a key of the configuration, whose objects nobody awaits.
  then: z.enum(['hold', 'withdraw', 'deny']).default('withdraw'),
  forgetAfter: duration.optional(),
})

const remote = z.strictObject({
  owns: z.array(prefix).min(1),
  translate: z.array(z.strictObject({prefix, as: prefix})).default([]),
  endpoints,
  tls: tls.optional(),
  user: user.optional(),
  insecure: z.boolean().optional(),
  encapsulation: encapsulation.default('ipip'),
  via: z.array(siteName).min(1).optional(),
  encrypted: z.boolean().default(false),
  plainUntilEncrypted: z.boolean().default(false),
  bfd: z.enum(['private', 'internet']).default('private'),
  holdDown: z.boolean().default(true),
  lost: lost.prefault({}),
  limits: limits.prefault({}),
})

const paths = z.strictObject({
  state: absolutePath.default(PATH_DEFAULTS.state),
  run: absolutePath.default(PATH_DEFAULTS.run),
  birdConfig: absolutePath.default(PATH_DEFAULTS.birdConfig),
  birdSocket: absolutePath.default(PATH_DEFAULTS.birdSocket),
})

/** The shape of gateway.yaml; what its parts mean together is checked in `resolve.ts`. */
export const gatewaySchema = z.strictObject({
  version: z.literal(CONFIG_VERSION),
  site: siteName,
  gateway: gatewayName,
  twin: gatewayName.optional(),
  lan: lan.optional(),
  as,
  interconnect: z.array(prefix).min(1),
  default: z.enum(['allow', 'deny']),
  fastPath: z.boolean().default(true),
  staged: z.strictObject({packets: z.enum(['exact', 'judged']).default('exact')}).prefault({}),
  uplinks: z.array(uplink).min(1),
  fou: z.strictObject({port: udpPort.default(5555), port6: udpPort.default(5556)}).prefault({}),
  keys: z.strictObject({rotateAfter: duration.optional()}).prefault({}),
  owns: z.array(prefix).min(1),
  infrastructure: z.array(prefix).default([]),
  datastores: z.array(datastore).min(1),
  sites: z.record(siteName, remote).default({}),
  transit: z.array(siteName).default([]),
  authorities: z.array(siteName).min(1),
  peers: z.array(wanPeer).default([]),
  nodes: z
    .strictObject({
      session: z.literal('ibgp'),
      localAs: as,
      nextHop: address.optional(),
      nextHop6: address.optional(),
      clusterId: clusterId.optional(),
      selector: z.string().optional(),
      ipip: z
        .strictObject({address, shared: z.array(address).default([]), mtu: z.int().min(1280).max(65_515).default(1480)})
        .optional(),
    })
    .optional(),
  static: z.array(z.strictObject({prefix, via: address, labels: labels.default({})})).default([]),
  metrics: z.strictObject({listen}).optional(),
  api: apiSchema.optional(),
  routeTable: routeTable.optional(),
  paths: paths.prefault({}),
  lab: z.boolean().default(false),
})

export type GatewayYaml = z.output<typeof gatewaySchema>

/** JSON Schema of gateway.yaml, for editors and for docs/reference. */
export function gatewayJsonSchema(): object {
  return z.toJSONSchema(gatewaySchema, {io: 'input', unrepresentable: 'any'})
}
