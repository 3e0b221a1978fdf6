import type {Rule, World} from '../../../src/model/index.ts'
import type {DecidedBy} from '../../../src/policy/counting/index.ts'
import {directions, type Judgement, judge, type Packet} from '../../../src/policy/oracle/index.ts'

/** What the oracle says of each direction that a packet comes to. */
export function oracleSays(known: World, standard: 'allow' | 'deny', packet: Packet): DecidedBy[] {
  const ways = directions(known, standard, packet)
  const egress = ways.egress()
  const told = egress?.verdict === 'deny' ? [egress] : [egress, ways.ingress()]
  const subjects = told.filter((judgement) => judgement !== null)
  return (subjects.length > 0 ? subjects : [judge(known, standard, packet)]).map(decidedBy)
}

const decidedBy = ({verdict: action, reason, direction, kind, tier, policy, rule}: Judgement): DecidedBy => {
  return {direction, kind, tier, policy, rule, reason, action}
}

/** All that a count is told apart by. */
export const ruleKey = ({direction, kind, tier, policy, rule, reason, action}: DecidedBy): string =>
  JSON.stringify({direction, kind, tier, policy, rule, reason, action})

export function withoutSourcePorts(known: World): World {
  const without = (one: Rule): Rule => ({...one, source: {...one.source, ports: null, notPorts: null}})
  const policies = known.policies.policies.map((one) => {
    return {...one, ingress: one.ingress.map(without), egress: one.egress.map(without)}
  })
  return {...known, policies: {...known.policies, policies}}
}
