import type {
  AttributeSet,
  EntityRule,
  Member,
  Policy,
  Rule,
  SiteName,
  SourceId,
  Tier,
  World,
} from '../../src/model/index.ts'
import {attributeSetId} from '../../src/model/index.ts'
import {type Address, type Prefix, parseAddress, parseCidr} from '../../src/net/index.ts'

/** Makers of small worlds for tests of policy; each fills in what the test does not speak of. */
export const address = (text: string): Address => parseAddress(text) ?? assertNever(text)
export const prefix = (text: string): Prefix => parseCidr(text) ?? assertNever(text)

function assertNever(text: string): never {
  throw new Error(`the test is wrong: ${text}`)
}

export const entity = (part: Partial<EntityRule> = {}): EntityRule => ({
  nets: [],
  notNets: [],
  selector: '',
  notSelector: '',
  namespaceSelector: '',
  ports: null,
  notPorts: null,
  serviceAccounts: null,
  services: false,
  ...part,
})

export const rule = (action: Rule['action'], part: Partial<Rule> = {}): Rule => ({
  action,
  ipVersion: null,
  protocol: null,
  notProtocol: null,
  icmp: null,
  notIcmp: null,
  source: entity(),
  destination: entity(),
  http: false,
  ...part,
})

export const policy = (name: string, part: Partial<Policy> = {}): Policy => ({
  kind: 'GlobalNetworkPolicy',
  meta: {name, namespace: null, labels: {}, annotations: {}},
  keyName: name,
  tier: 'default',
  order: null,
  selector: '',
  namespaceSelector: '',
  serviceAccountSelector: '',
  types: ['ingress', 'egress'],
  ingress: [],
  egress: [],
  doNotTrack: false,
  preDnat: false,
  applyOnForward: false,
  ...part,
})

export const tier = (name: string, order: number | null, defaultAction: Tier['defaultAction'] = 'Deny'): Tier => ({
  kind: 'Tier',
  meta: {name, namespace: null, labels: {}, annotations: {}},
  order,
  defaultAction,
})

export const attributes = (kind: AttributeSet['kind'], part: Partial<AttributeSet> = {}): AttributeSet => ({
  kind,
  labels: {},
  namespace: null,
  serviceAccount: null,
  ports: [],
  ...part,
})

export interface Placed {
  readonly at: string
  readonly site: string
  readonly set: AttributeSet
  readonly modRevision?: number
}

export function world(placed: readonly Placed[], tiers: readonly Tier[], policies: readonly Policy[]): World {
  const sets = new Map(placed.map(({set}) => [attributeSetId(set), set]))
  const members = new Map<Prefix, Member[]>()
  for (const {at, site, set, modRevision = 1} of placed) {
    const member: Member = {
      site: site as SiteName,
      attributes: attributeSetId(set),
      source: `datastore/${site}` as SourceId,
      names: [],
      modRevision,
    }
    members.set(prefix(at), [...(members.get(prefix(at)) ?? []), member])
  }
  return {
    local: 'a' as SiteName,
    sites: new Map(),
    attributes: sets,
    members,
    memberRevision: 1,
    staged: [],
    documents: new Map(),
    authorities: new Map(),
    refused: new Map(),
    policies: {tiers, policies},
    nodes: [],
    nat: [],
    blocks: [],
    sources: new Map(),
    findings: [],
  }
}
