import * as z from 'zod'
import {
  ADD_PATHS,
  COMMUNITY_RULE,
  LIMIT_ACTIONS,
  NAME_RULE,
  PEER_ROLES,
  parseCommunity,
  parseCommunityPattern,
  parsePeerName,
} from '../model/index.ts'
import {type Address, familyOf, parseAddress} from '../net/index.ts'
import {address, as, parsed, prefix, secret, uplinkName} from './scalars.ts'

const peerName = parsed(parsePeerName, `a peer name (${NAME_RULE})`)

const length = z.int().min(0).max(128)
const prefixRange = z.strictObject({prefix, ge: length.optional(), le: length.optional()})

const pattern = parsed(parseCommunityPattern, `${COMMUNITY_RULE}; * as its last numbers is any`)
const community = parsed(parseCommunity, COMMUNITY_RULE)
const oneOrMore = z.union([as, z.array(as).min(1)])

const unsigned = z.int().min(0).max(4294967295)

const rule = z.strictObject({
  prefixes: z
    .array(z.union([prefix, prefixRange]))
    .min(1)
    .optional(),
  communities: z.array(pattern).min(1).optional(),
  asPath: z
    .strictObject({
      through: oneOrMore.optional(),
      from: oneOrMore.optional(),
      next: oneOrMore.optional(),
      longerThan: z.int().min(0).max(255).optional(),
    })
    .optional(),
  action: z.enum(['accept', 'reject']),
  set: z
    .strictObject({
      localPreference: unsigned.optional(),
      med: unsigned.optional(),
      communities: z.array(community).optional(),
      removeCommunities: z.array(pattern).min(1).optional(),
      addCommunities: z.array(community).min(1).optional(),
      prepend: z.int().min(1).max(16).optional(),
    })
    .optional(),
})

/** Prefixes, or rules; which of the two all of them must be is checked with the meaning. */
const policy = z.array(z.union([prefix, rule])).default([])

const parseClusterId = (text: string): Address | null => {
  const id = parseAddress(text)
  return id !== null && familyOf(id) === 4 && id !== '0.0.0.0' ? id : null
}
export const clusterId = parsed(parseClusterId, 'a cluster id, written as an IPv4 address such as 192.0.2.1')

const bfd = z.strictObject({
  profile: z.enum(['private', 'internet']).default('private'),
  // What the kernel and BIRD keep up with under load, and what still is of use.
  intervalMs: z.int().min(10).max(10_000).optional(),
  multiplier: z.int().min(2).max(50).optional(),
})

/** A router of the WAN; what its keys mean together is checked in `peers.ts`. */
export const wanPeer = z.strictObject({
  name: peerName,
  address,
  as,
  localAs: as.optional(),
  password: secret.optional(),
  uplink: uplinkName.optional(),
  import: policy,
  export: policy,
  aggregate: z.boolean().default(false),
  passOn: z.array(peerName).default([]),
  defaultRoute: z.boolean().default(false),
  rejectPrivateAs: z.boolean().default(false),
  removePrivateAs: z.boolean().default(false),
  maxPrefixes: z
    .strictObject({
      limit: z.int().min(1).max(10_000_000).default(100_000),
      action: z.enum(LIMIT_ACTIONS).default('block'),
    })
    .prefault({}),
  multihop: z.int().min(2).max(255).optional(),
  ttlSecurity: z.boolean().default(false),
  role: z.enum(PEER_ROLES).optional(),
  requireRole: z.boolean().default(false),
  gracefulRestart: z.boolean().default(true),
  addPaths: z.enum(ADD_PATHS).default('off'),
  allowAsIn: z.int().min(0).max(10).default(0),
  routeReflectorClient: z.boolean().default(false),
  clusterId: clusterId.optional(),
  bfd: z.union([z.boolean(), bfd]).default(false),
})

export type WanPeerYaml = z.output<typeof wanPeer>
export type PolicyYaml = WanPeerYaml['import']
export type RuleYaml = z.output<typeof rule>
