import type {World} from '../../model/index.ts'
import {type Judgement, judge} from '../oracle/index.ts'
import {type Flow, type ParsedFlow, parseFlow} from './flow.ts'

/** One line of answer, its fields in the order of formats.md. */
export interface TraceLine extends Judgement {
  readonly id?: string | number
}

export type Traced = {readonly ok: true; readonly line: TraceLine} | Extract<ParsedFlow, {ok: false}>

/**
 * Says what global policy does with a flow, and which rule decides it.
 *
 * The oracle answers: it names the rule, which the compiled form no longer knows. It looks through all members for each
 * flow, so this is for single flows.
 */
export function trace(world: World, defaultVerdict: 'allow' | 'deny', flow: Flow): Traced {
  const parsed = parseFlow(flow)
  if (!parsed.ok) return parsed
  const {verdict, reason, direction, site, kind, tier, policy, rule} = judge(world, defaultVerdict, parsed.packet)
  const line = {verdict, reason, direction, site, kind, tier, policy, rule}
  return {ok: true, line: flow.id === undefined ? line : {id: flow.id, ...line}}
}
