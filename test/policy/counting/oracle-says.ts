import type {Direction, Rule, World} from '../../../src/model/index.ts'
import type {Compiled} from '../../../src/policy/compile/index.ts'
import type {DecidedBy, MetOnTheWay} from '../../../src/policy/counting/index.ts'
import {directions, type Judgement, judge, type Packet, type RuleNote} from '../../../src/policy/oracle/index.ts'

/** What the oracle says of each direction that a packet comes to. */
export function oracleSays(known: World, standard: 'allow' | 'deny', packet: Packet): DecidedBy[] {
  const ways = directions(known, standard, packet)
  const egress = ways.egress()
  const told = egress?.verdict === 'deny' ? [egress] : [egress, ways.ingress()]
  const subjects = told.filter((judgement) => judgement !== null)
  return (subjects.length > 0 ? subjects : [judge(known, standard, packet)]).map(decidedBy)
}

/** The Pass and Log rules that a packet comes to and matches. One that cannot be meant here, of which there is a finding, logs nothing. */
export function oracleMeets(
  known: World,
  standard: 'allow' | 'deny',
  packet: Packet,
  {findings}: Pick<Compiled, 'findings'>,
): MetOnTheWay[] {
  const unsupported = new Set(findings.map(({where}) => `${where.key} ${where.field?.split('.')[0]}`))
  const met: MetOnTheWay[] = []
  const note = (direction: Direction, {kind, tier, policy, rule, action, passedOver}: RuleNote): void => {
    if (passedOver !== null || rule === null || (action !== 'Pass' && action !== 'Log')) return
    if (unsupported.has(`${kind} ${policy} ${direction}[${rule}]`)) return
    met.push({direction, kind, tier: tier ?? '', policy, rule, action: action === 'Pass' ? 'pass' : 'log'})
  }
  const ways = directions(known, standard, packet, note)
  if (ways.egress()?.verdict !== 'deny') ways.ingress()
  return met
}

const decidedBy = ({verdict: action, reason, direction, kind, tier, policy, rule}: Judgement): DecidedBy => {
  return {direction, kind, tier, policy, rule, reason, action}
}

/** All that a count is told apart by. */
export const ruleKey = ({direction, kind, tier, policy, rule, reason, action}: DecidedBy): string =>
  JSON.stringify({direction, kind, tier, policy, rule, reason, action})

export const metKey = ({direction, kind, tier, policy, rule, action}: MetOnTheWay): string =>
  JSON.stringify({direction, kind, tier, policy, rule, action})

export function withoutSourcePorts(known: World): World {
  const without = (one: Rule): Rule => ({...one, source: {...one.source, ports: null, notPorts: null}})
  const policies = known.policies.policies.map((one) => {
    return {...one, ingress: one.ingress.map(without), egress: one.egress.map(without)}
  })
  return {...known, policies: {...known.policies, policies}}
}
