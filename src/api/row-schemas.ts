import * as z from 'zod'
import type {FindingCode} from '../model/index.ts'

/** Shapes of what `get` gives, by kind; proven equal to `Rows` in `answer-schemas.ts`. */
const text = z.string()
const number = z.number()
const moment = z.iso.datetime()
const labels = z.record(text, text)

/** Codes come with versions, and a program that knows them all would be refused by the next. */
const findingCode = z.custom<FindingCode>((value) => typeof value === 'string').meta({type: 'string'})
const severity = z.enum(['error', 'warning', 'info'])

export const conflict = z.strictObject({
  over: text,
  sides: z.array(z.strictObject({site: text, says: text})),
  firstCounts: z.boolean(),
})

export const finding = z.strictObject({
  code: findingCode,
  severity,
  where: z.strictObject({
    source: text,
    key: text.exactOptional(),
    field: text.exactOptional(),
    line: number.exactOptional(),
    column: number.exactOptional(),
  }),
  detail: text,
  remedy: text.exactOptional(),
  conflict: conflict.exactOptional(),
})
const conflicts = z.strictObject({
  ...conflict.shape,
  code: findingCode,
  severity,
  remedy: text.nullable(),
})

const probe = z.strictObject({
  lastMs: number.nullable(),
  minMs: number.nullable(),
  avgMs: number.nullable(),
  maxMs: number.nullable(),
  jitterMs: number.nullable(),
  lossRatio: number.nullable(),
})

const tunnels = z.strictObject({
  name: text,
  site: text,
  gateway: text,
  uplink: text,
  encapsulation: z.enum(['ipip', 'fou', 'wireguard', 'vxlan', 'none']),
  device: text,
  local: text,
  peer: text,
  mtu: number.nullable(),
  configuredMtu: number.nullable(),
  probes: z.strictObject({small: probe, full: probe}).nullable(),
  forms: z.strictObject({ipip: z.boolean().nullable(), fou: z.boolean().nullable()}).nullable(),
  up: z.boolean(),
  rxBytes: number,
  txBytes: number,
  rxPackets: number,
  txPackets: number,
  errors: number,
})

const sessions = z.strictObject({
  name: text,
  protocol: z.enum(['bgp', 'bfd']),
  kind: z.enum(['tunnel', 'wan', 'node', 'twin']),
  neighbor: text,
  as: number.nullable(),
  state: text,
  up: z.boolean(),
  since: moment.nullable(),
  imported: number.nullable(),
  exported: number.nullable(),
  lastError: text.nullable(),
})

const peers = z.strictObject({
  name: text,
  kind: z.enum(['tunnel', 'wan', 'node', 'twin']),
  session: text,
  address: text,
  as: number.nullable(),
  state: text,
  up: z.boolean(),
  since: moment.nullable(),
  bfd: z.boolean().nullable(),
  received: number,
  accepted: number,
  filtered: number,
  exported: number,
  limit: number.nullable(),
  overLimit: z.boolean(),
  lastError: text.nullable(),
})

const routes = z.strictObject({
  name: text,
  best: z.boolean(),
  site: text.nullable(),
  kind: z.enum(['tunnel', 'wan', 'node', 'twin', 'static', 'connected']),
  protocol: text,
  peer: text.nullable(),
  dest: z.enum(['unicast', 'unreachable', 'blackhole', 'prohibit']),
  via: z.array(z.strictObject({address: text.nullable(), device: text})),
  refusedByKernel: z.boolean(),
  preference: number,
  bgp: z
    .strictObject({
      path: z.array(number),
      localPref: number.nullable(),
      med: number.nullable(),
      origin: text.nullable(),
      communities: z.array(text),
    })
    .nullable(),
})

const datastores = z.strictObject({
  name: text,
  site: text,
  connected: z.boolean(),
  synced: z.boolean(),
  restored: z.boolean(),
  revision: number,
  ageSeconds: number.nullable(),
  keys: number,
  decodeErrors: number,
  lastError: text.nullable(),
})

const sites = z.strictObject({
  name: text,
  local: z.boolean(),
  state: z.enum(['fresh', 'suspect', 'stale', 'withdrawn', 'forgotten']).nullable(),
  presence: z.enum(['open', 'closed', 'withdrawn', 'forgotten']),
  silentSeconds: number.nullable(),
  cutSeconds: number.nullable(),
  via: z.array(z.strictObject({hub: text, up: z.boolean()})),
  as: number.nullable(),
  granted: z.array(text),
  prefixes: z.array(text),
  gateways: number,
  pods: number,
  hosts: number,
  sets: number,
  staticPrefixes: number,
  refused: number,
})

const gateways = z.strictObject({
  name: text,
  site: text,
  local: z.boolean(),
  uplinks: z.array(text),
  alive: z.boolean().nullable(),
  leader: z.boolean(),
})

const endpoints = z.strictObject({
  address: text,
  real: text.nullable(),
  site: text,
  kind: z.enum(['pod', 'host', 'set', 'prefix']),
  names: z.array(text),
  labels,
  source: text,
})

const tiers = z.strictObject({
  name: text,
  order: number.nullable(),
  defaultAction: text,
  policies: number,
  endDenied: number,
})

const counts = {flows: number, packets: number, bytes: number}
const direction = z.enum(['ingress', 'egress'])

const policies = z.strictObject({
  name: text,
  kind: text,
  staged: z.boolean(),
  tier: text,
  order: number.nullable(),
  selector: text,
  types: z.array(text),
  rules: number,
  site: text,
  counts: z.strictObject({
    ...counts,
    denied: number,
    wouldAllow: number.nullable(),
    wouldDeny: number.nullable(),
    rules: z.array(
      z.strictObject({
        ...counts,
        direction,
        rule: number.nullable(),
        action: z.enum(['allow', 'deny', 'pass', 'log', 'depends']),
      }),
    ),
    changes: z.array(z.strictObject({...counts, direction, would: z.enum(['allow', 'deny'])})),
  }),
})

const nodes = z.strictObject({name: text, source: text, addresses: z.array(text), sessions: z.array(text), labels})

const classes = z.strictObject({name: text, addresses: number, site: text.nullable(), labels})

const writebacks = z.strictObject({
  name: text,
  datastore: text,
  state: z.enum(['held', 'create', 'update', 'delete', 'conflict', 'kept']),
})

export const ROWS = {
  ...{
    tunnels,
    sessions,
    peers,
    routes,
    datastores,
    sites,
    gateways,
    endpoints,
    policies,
    tiers,
    findings: finding,
    conflicts,
  },
  ...{nodes, classes, writebacks},
} as const
