import assert from 'node:assert/strict'
import type {Policy, Rule, Tier} from '../../../src/model/index.ts'
import {type Judgement, judge, type Packet} from '../../../src/policy/oracle/index.ts'
import {address, attributes, type Placed, policy, rule, tier, world} from '../worlds.ts'

export const web = attributes('pod', {
  labels: {app: 'web', 'isthmus.io/site': 'a', 'pcns.env': 'prod', 'pcsa.role': 'r'},
  namespace: 'shop',
  serviceAccount: 'bot',
})
export const db = attributes('pod', {
  labels: {app: 'db', 'isthmus.io/site': 'b'},
  namespace: 'shop',
  ports: [
    {name: 'sql', protocol: 'tcp', port: 5432},
    {name: 'sql', protocol: 'udp', port: 5433},
  ],
})
export const host = attributes('host', {labels: {app: 'node', 'isthmus.io/site': 'b'}})
export const owned = attributes('prefix', {labels: {role: 'rack', 'isthmus.io/site': 'b'}})
export const outside = attributes('set', {labels: {group: 'partners'}})
export const alsoDb = attributes('set', {labels: {group: 'databases', app: 'db'}})

export const PLACES: Placed[] = [
  {at: '10.1.0.5/32', site: 'a', set: web},
  {at: 'fd00:1::5/128', site: 'a', set: web},
  {at: '10.2.0.7/32', site: 'b', set: db},
  {at: 'fd00:2::7/128', site: 'b', set: db},
  {at: '10.2.0.8/32', site: 'b', set: host},
  {at: '10.2.0.0/16', site: 'b', set: owned},
  {at: '192.0.2.0/24', site: 'a', set: outside},
  {at: '10.2.0.0/24', site: 'a', set: alsoDb},
]

export const tcp = (port: number, part: Partial<Packet> = {}): Packet => ({
  from: address('10.1.0.5'),
  to: address('10.2.0.7'),
  protocol: 6,
  sourcePort: 40_000,
  destinationPort: port,
  ...part,
})
export const to = (text: string): Partial<Packet> => ({to: address(text)})
export const from = (text: string): Partial<Packet> => ({from: address(text)})
export const ipv6 = {...from('fd00:1::5'), ...to('fd00:2::7')}
export const ping = (type: number, code = 0): Packet => {
  return {from: address('10.1.0.5'), to: address('10.2.0.7'), protocol: 1, icmpType: type, icmpCode: code}
}

export const ports = (...numbers: number[]) => ({ranges: numbers.map((first) => ({first, last: first})), names: []})
export const named = (...names: string[]) => ({ranges: [], names})

export interface Case {
  readonly name: string
  readonly tiers?: Tier[]
  readonly policies: Policy[]
  readonly packet?: Packet
  readonly default?: 'allow' | 'deny'
  readonly want: Partial<Record<keyof Judgement, unknown>>
}

export const ingress = (name: string, rules: Rule[], part: Partial<Policy> = {}): Policy =>
  policy(name, {types: ['ingress'], ingress: rules, selector: "app == 'db'", ...part})

/** The rule is an allow: `allow` if it matches, `deny` at the end of the tier if not. */
export const matching = (name: string, part: Partial<Rule>, matches: boolean, packet = tcp(5432)): Case => ({
  name,
  policies: [ingress('p', [rule('Allow', part)])],
  packet,
  want: matches
    ? {verdict: 'allow', reason: 'rule', rule: 0}
    : {verdict: 'deny', reason: 'tier', policy: null, rule: null},
})

export const ALLOW = rule('Allow')
export const DENY = rule('Deny')
export const PASS = rule('Pass')

/** One test a case: what the oracle says of its packet, as far as the case speaks of it. */
export function judged(cases: readonly Case[]): void {
  for (const {name, tiers = [tier('default', 1)], policies, packet = tcp(5432), want, ...rest} of cases) {
    it(name, () => {
      const found = judge(
        world(PLACES, tiers, policies),
        rest.default ?? (name.startsWith('no policy') ? 'deny' : 'allow'),
        packet,
      )
      assert.deepEqual({...found, ...want}, found)
    })
  }
}
