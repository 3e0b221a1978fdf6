import * as z from 'zod'

/** `SITE/POD`, `SITE/GATEWAY`, `SITE/DATASTORE`. */
const ref = z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'SITE/NAME expected')
/** A pod, or a plain address. */
const target = z.string().regex(/^([a-z0-9-]+\/[a-z0-9-]+|[0-9a-fA-F.:]+)$/, 'SITE/POD or an address expected')
const port = z.int().min(1).max(65535)
const withinMs = z.int().min(0).optional()
const labels = z.record(z.string(), z.string()).default({})
const MEMBER = /^[a-z0-9-]+\/[a-z0-9-]+(\/etcd[1-3])?$/
const MEMBER_RULE = 'SITE/DATASTORE or SITE/DATASTORE/etcdN expected'
/** Size of a small disk that can be filled. */
const diskMiB = z.int().min(1).max(2048).optional()

const range = z.union([z.number(), z.strictObject({min: z.number().optional(), max: z.number().optional()})])

const ping = z.strictObject({
  name: z.string(),
  ping: z.strictObject({from: ref, to: target}),
  expect: z.enum(['ok', 'refused']),
  withinMs,
})
const tcp = z.strictObject({
  name: z.string(),
  tcp: z.strictObject({from: ref, to: target, port}),
  expect: z.enum(['open', 'refused']),
  /** The address that the server saw. */
  sourceSeen: z.string().optional(),
  withinMs,
})
/** Every ordered pair of pods of different sites: `allow` must work, all others must not. */
const matrix = z.strictObject({
  name: z.string(),
  matrix: z.strictObject({probe: z.union([z.literal('ping'), z.string().regex(/^tcp\/\d+$/)])}),
  allow: z.union([z.literal('all'), z.array(z.tuple([ref, ref]))]),
  withinMs,
})
/** What crosses devices of one namespace while pods talk; the filter is tcpdump's, on the outermost header. */
const capture = z.strictObject({
  name: z.string(),
  capture: z.strictObject({on: z.string(), filter: z.string(), while: z.strictObject({from: ref, to: target})}),
  expect: z.strictObject({packets: range}),
})
const routes = z.strictObject({
  name: z.string(),
  routes: z.strictObject({of: z.string()}),
  expect: z.strictObject({has: z.array(z.string()).default([]), hasNot: z.array(z.string()).default([])}),
  withinMs,
})
const metric = z.strictObject({
  name: z.string(),
  metric: z.strictObject({gateway: ref, query: z.string()}),
  expect: range,
  withinMs,
})
/** A path into `isthmus status -o json`: `tunnels[0].up`, `datastores.length`. */
const status = z.strictObject({
  name: z.string(),
  status: z.strictObject({gateway: ref, path: z.string()}),
  expect: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  withinMs,
})
/** What a gateway has counted of a policy: of all that it decided, of one rule (`ingress 0`), or what a staged one would change. */
const counts = z.strictObject({
  name: z.string(),
  counts: z.strictObject({
    gateway: ref,
    policy: z.string(),
    rule: z
      .string()
      .regex(/^(ingress|egress) \d+$/, 'a direction and a place from 0 expected, such as "ingress 0"')
      .optional(),
    would: z.enum(['allow', 'deny']).optional(),
  }),
  expect: z.union([z.strictObject({flows: range, packets: range.optional()}), z.strictObject({packets: range})]),
  withinMs,
})
const exec = z.strictObject({
  name: z.string(),
  exec: z.strictObject({in: z.string(), command: z.string()}),
  expect: z.strictObject({status: z.int().default(0), output: z.string().optional()}),
  withinMs,
})

/** What `isthmus diagnose --consistency` finds at a gateway, or at every one: the kernel is what all etcds say, or not. */
const consistent = z.strictObject({
  name: z.string(),
  consistent: z.strictObject({gateway: z.union([ref, z.literal('all')])}),
  expect: z.enum(['yes', 'no']).default('yes'),
  withinMs,
})

export const checkSchema = z.union([ping, tcp, matrix, capture, routes, metric, status, counts, exec, consistent])

/** A process of a gateway, or of a datastore: all its members, one, or the one that leads. */
const part = z
  .string()
  .regex(
    /^[a-z0-9-]+\/[a-z0-9-]+\/(isthmus|bird|etcd[1-3]?|leader)$/,
    'SITE/NAME/PART expected; parts are isthmus, bird, etcd, etcd1, etcd2, etcd3, leader',
  )

const put = z.strictObject({put: z.strictObject({datastore: ref, resource: z.string()})})
const rawValue = z.union([
  z.strictObject({datastore: ref, key: z.string(), text: z.string()}),
  /** Bytes that are no text. */
  z.strictObject({datastore: ref, key: z.string(), base64: z.base64()}),
])
const putRaw = z.strictObject({putRaw: rawValue})
const remove = z.strictObject({delete: z.strictObject({datastore: ref, key: z.string()})})
const kill = z.strictObject({
  kill: part,
  signal: z.enum(['KILL', 'TERM', 'STOP', 'CONT', 'HUP']).default('KILL'),
})
const start = z.strictObject({start: part})
const run = z.strictObject({exec: z.strictObject({in: z.string(), command: z.string()})})
/** Drops what tunnels look like from outside, on every router: between two underlay addresses, or everywhere. */
const cut = z.strictObject({cut: z.union([z.literal('tunnels'), z.tuple([ref, ref])])})
const mend = z.strictObject({mend: z.literal('all')})
/** Packets between one gateway and a datastore, or one member of it, are dropped without a word. */
const partition = z.strictObject({
  partition: z.strictObject({gateway: ref, from: z.string().regex(MEMBER, MEMBER_RULE)}),
})
/** Forgets all revisions but the last. */
const compact = z.strictObject({compact: ref})
/** Keeps a snapshot of a datastore; `restore` sets it back to that, as another cluster if told. */
const backup = z.strictObject({backup: ref})
const restore = z.strictObject({restore: ref, newCluster: z.boolean().default(false)})
/** The alarm that etcd raises when its quota is used up: it refuses to write. */
const alarm = z.strictObject({alarm: ref, raised: z.boolean()})
/** A member leaves its cluster for good; or comes anew, with nothing. */
const removeMember = z.strictObject({removeMember: z.string().regex(MEMBER, MEMBER_RULE)})
const addMember = z.strictObject({addMember: z.string().regex(MEMBER, MEMBER_RULE)})
/** Another CA and other certificates, in the files of the old ones; etcd takes the CA at its start. */
const renew = z.strictObject({renew: z.literal('certificates')})
/** What the daemon of a gateway with a clock of its own (`clock`) takes for the time: so much later than it is. */
const clock = z.strictObject({clock: ref, offsetHours: z.number()})
/** The disk of a datastore or of a gateway's state has no byte left; or has again. */
const fill = z.strictObject({fill: ref, full: z.boolean()})
const wait = z.strictObject({waitMs: z.int().min(0).max(60_000)})
/** Goes on when the check holds; that it never does is a failure. */
const waitUntil = z.strictObject({until: checkSchema})

const fault = z.union([partition, compact, backup, restore, alarm, removeMember, addMember, renew, clock, fill])

export const eventSchema = z.union([
  put,
  putRaw,
  remove,
  kill,
  start,
  run,
  cut,
  mend,
  wait,
  waitUntil,
  ...fault.options,
])

const traffic = z.strictObject({
  /** Datagrams with sequence numbers, both ways. */
  udp: z
    .strictObject({
      from: ref,
      to: ref,
      intervalMs: z.int().min(1).default(1),
      /** The way back are answers in the same flow, which need no right to begin. */
      answered: z.boolean().optional(),
    })
    .optional(),
  /** One long TCP flow, and a new flow every 50 ms. */
  tcp: z.strictObject({from: ref, to: ref}).optional(),
  /** What policy denies, tried again and again: it must never open. */
  refused: z.strictObject({from: ref, to: ref, port}).optional(),
})

const during = z.strictObject({
  name: z.string(),
  events: z.array(eventSchema),
  traffic,
  /** How long traffic goes on after the last event. */
  settleMs: z.int().default(1000),
  expect: z.strictObject({
    lost: range.default(0),
    /** In place of `lost`: the share of what was sent, 0 to 1. */
    lostShare: range.optional(),
    gapMs: range.optional(),
    brokenFlows: range.default(0),
    failedFlows: range.default(0),
  }),
})

export const stepSchema = z.union([
  z.strictObject({check: checkSchema}),
  z.strictObject({event: eventSchema}),
  z.strictObject({during}),
])

const podSchema = z.strictObject({
  address: z.ipv4(),
  /** A second one, of the other family. */
  address6: z.ipv6().optional(),
  node: z.string(),
  namespace: z.string().default('default'),
  labels,
  /** Ports on which it answers with the address that it sees. */
  serve: z.array(z.string().regex(/^tcp\/\d+$/)).default(['tcp/80']),
})

const siteSchema = z.strictObject({
  as: z.int(),
  owns: z.array(z.string()).min(1),
  datastores: z.record(
    z.string(),
    z.strictObject({
      kind: z.enum(['calico', 'isthmus']),
      resources: z.string().optional(),
      /** The site's own policies go into its export. */
      localPolicies: z.boolean().default(false),
      /** Many endpoints without a pod behind them, for load. */
      generate: z.strictObject({endpoints: z.int(), attributeSets: z.int().min(1), seed: z.int()}).optional(),
      /** Processes of its etcd. */
      members: z.union([z.literal(1), z.literal(3)]).default(1),
      diskMiB,
    }),
  ),
  /** `datastore` is that of the cluster that a node and its pods belong to; the site's first unless said. */
  nodes: z.record(
    z.string(),
    z.strictObject({
      datastore: z.string().optional(),
      /**
       * Behind a router of the site. It knows no pods: who makes the routes of Calico's IPIP there. Or it knows them, and is what
       * speaks BGP with the gateways (`router`), which then have no address that moves.
       */
      routed: z.enum(['felix', 'bird', 'router']).optional(),
    }),
  ),
  pods: z.record(z.string(), podSchema),
  gateways: z.record(
    z.string(),
    z.strictObject({
      attach: z.string(),
      /** A second uplink, over IPv6; tunnels to gateways that have one too. */
      uplink6: z.boolean().default(false),
      /** Laid over the derived gateway.yaml, key by key. */
      config: z.record(z.string(), z.unknown()).default({}),
      /** Files beside gateway.yaml that only root reads, by name. */
      secrets: z.record(z.string().regex(/^[a-z0-9.-]+$/, 'the name of a file expected'), z.string()).default({}),
      /** The daemon has a clock of its own, by libfaketime, so that events can set it. */
      clock: z.boolean().default(false),
      /** Of its state directory. */
      diskMiB,
      /** In place of Isthmus: commands in the gateway's namespace, and BIRD's whole configuration. */
      manual: z.strictObject({commands: z.array(z.string()).default([]), bird: z.string()}).optional(),
    }),
  ),
  static: z.array(z.strictObject({prefix: z.string(), node: z.string(), labels})).default([]),
  /** By remote site: which of its prefixes are known here by others. */
  translate: z.record(z.string(), z.array(z.strictObject({prefix: z.string(), as: z.string()}))).default({}),
})

export const encapsulationSchema = z.enum(['ipip', 'fou', 'wireguard', 'vxlan', 'none', 'auto'])

/** A scenario after `base` and step includes have been put in; docs/reference/scenario.md explains each part. */
export const scenarioSchema = z.strictObject({
  version: z.literal(1),
  needs: z.array(z.enum(['ipip', 'fou', 'wireguard', 'vxlan'])).default([]),
  wan: z.strictObject({
    routers: z.record(
      z.string(),
      z.strictObject({
        engine: z.enum(['frr', 'bird']),
        as: z.int(),
        /** In place of what follows from the links: the whole of bgpd.conf, or of bird.conf. */
        config: z.string().optional(),
      }),
    ),
    links: z.array(z.tuple([z.string(), z.string()])).default([]),
  }),
  sites: z.record(z.string(), siteSchema),
  pairs: z.array(
    z.strictObject({
      between: z.tuple([z.string(), z.string()]),
      encapsulation: encapsulationSchema.optional(),
      /** In place of it: hubs that the two reach each other through; `encrypted` where all tunnels must be so. */
      via: z.array(z.string()).min(1).optional(),
      encrypted: z.boolean().default(false),
      /** As in gateway.yaml: `internet` where a CPU may stand still for longer than 300 ms. */
      bfd: z.enum(['private', 'internet']).default('private'),
      holdDown: z.boolean().default(true),
    }),
  ),
  authority: z.string().default('a'),
  default: z.enum(['allow', 'deny']).default('deny'),
  policies: z.array(z.string()).default([]),
  steps: z.array(stepSchema).default([]),
})

export type Scenario = z.output<typeof scenarioSchema>
export type Site = Scenario['sites'][string]
export type Pod = z.output<typeof podSchema>
export type Check = z.output<typeof checkSchema>
export type Event = z.output<typeof eventSchema>
export type Fault = z.output<typeof fault>
export type Step = z.output<typeof stepSchema>
export type During = z.output<typeof during>
export type Range = z.output<typeof range>
export type Encapsulation = z.output<typeof encapsulationSchema>

export const scenarioJsonSchema = (): object => z.toJSONSchema(scenarioSchema, {io: 'input'})
