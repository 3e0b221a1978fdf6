import type {NftDriver} from '../../src/apply/index.ts'
import type {Policy, World} from '../../src/model/index.ts'
import type {Prefix} from '../../src/net/index.ts'
import {planRuleset} from '../../src/plan/index.ts'
import {type ChangedMembers, type Compiled, compilePolicy} from '../../src/policy/index.ts'
import {attributes, entity, type Placed, policy, rule, tier, world} from '../policy/worlds.ts'
import {bringNft} from './bring-nft.ts'
import {shell} from './namespace.ts'
import {configOf, tunnelTo} from './sites.ts'

/** Two pods and what policies say of their flows, and a gateway between them: its near side and one tunnel. */
export const ANSWER = '10.1.0.5'
export const ASKER = '10.2.0.7'
export const NEAR = 'lan0'
export const TUNNEL = 'is-b-0000'

export interface EnforcedOn {
  /** The driver has one. */
  readonly fastPath?: boolean
  readonly near?: string
  readonly tunnel?: string
}

export const pod = (at: string, app: string, modRevision = 1): Placed => ({
  at: `${at}/32`,
  site: at === ANSWER ? 'a' : 'b',
  set: attributes('pod', {labels: {app}}),
  modRevision,
})

/** Each may ask the other, whatever comes. */
const bothWays = policy('both-ways', {ingress: [rule('Allow')], egress: [rule('Allow')], order: 10})
const denies = (name: string, app: string): Policy =>
  policy(name, {
    types: ['ingress'],
    order: 1,
    selector: "app == 'db'",
    ingress: [rule('Deny', {source: entity({selector: `app == '${app}'`})})],
  })
const worldOf = (...policies: Policy[]): World =>
  world([pod(ANSWER, 'db'), pod(ASKER, 'web')], [tier('default', 1)], policies)

export const START = worldOf(denies('no-banned', 'banned'), bothWays)

export const withoutWeb = (before: World): World => ({
  ...before,
  policies: {...before.policies, policies: [...before.policies.policies, denies('no-web', 'web')]},
})

/** The asker may ask; what answers may never ask itself. */
export const ONE_WAY = worldOf(
  policy('to-db', {
    types: ['ingress'],
    selector: "app == 'db'",
    ingress: [rule('Allow', {source: entity({selector: "app == 'web'"})})],
  }),
  policy('from-web', {types: ['egress'], selector: "app == 'web'", egress: [rule('Allow')]}),
)

/** With these holders of their addresses, in place of those before. */
export function withPods(before: World, holders: readonly Placed[]): World {
  const {members, attributes: sets} = world(holders, [], [])
  return {
    ...before,
    members: new Map([...before.members, ...members]),
    attributes: new Map([...before.attributes, ...sets]),
    memberRevision: before.memberRevision + 1,
  }
}

/** Brings worlds of these two pods into force one after the other, as a gateway does. */
export function createEnforcer(
  driver: NftDriver,
  {fastPath = false, near = NEAR, tunnel = TUNNEL}: EnforcedOn = {},
): (now: World) => Promise<Compiled> {
  let compiled: Compiled | null = null
  let before: World | null = null
  return async (now) => {
    const changes = new Map<Prefix, ChangedMembers>()
    for (const [at, after] of now.members) if (before?.members.get(at) !== after) changes.set(at, {after})
    compiled = compilePolicy(now, {default: 'deny', previous: compiled, firstClass: 7, changes})
    before = now
    const index = (name: string): number => Number(shell(`cat /sys/class/net/${name}/ifindex`))
    const devices = new Map([near, tunnel].map((name) => [name, index(name)]))
    for (const part of [...compiled.stages, compiled]) {
      const input = {
        config: configOf(),
        world: now,
        tunnels: [tunnelTo('b', tunnel)],
        links: [],
        wireguard: [],
        uplinkDevices: [],
        devices,
        fastPath,
      }
      await bringNft(driver, planRuleset({...input, policy: part}))
    }
    await driver.raiseGeneration()
    return compiled
  }
}
