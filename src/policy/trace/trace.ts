import type {World} from '../../model/index.ts'
import {type Judgement, judge} from '../oracle/index.ts'
import type {Flow, ParsedFlow} from './flow.ts'
import {traceWith} from './tracer.ts'

/** What is answered: what policy says, or that the gateway is closed to a site, and no policy is asked. */
export type Answer = Omit<Judgement, 'reason'> & {readonly reason: Judgement['reason'] | 'closed'}

/** One line of answer, its fields in the order of formats.md. */
export interface TraceLine extends Answer {
  readonly id?: string | number
}

export type Traced = {readonly ok: true; readonly line: TraceLine} | Extract<ParsedFlow, {ok: false}>

/**
 * Says what global policy does with a flow, and which rule decides it.
 *
 * The oracle answers, which looks through all members for each flow: for one flow where nothing is prepared. A `Tracer`
 * gives the same, and is for many.
 */
export function trace(world: World, defaultVerdict: 'allow' | 'deny', flow: Flow): Traced {
  return traceWith((packet) => judge(world, defaultVerdict, packet), flow)
}
