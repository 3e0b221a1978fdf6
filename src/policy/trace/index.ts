/**
 * Answers without a packet: which rule decides a flow.
 *
 *     Flow (text, numbers) ─parse─► Packet ─┬─ oracle: one flow of a World ────────┬─► Judgement ─► one line, as formats.md has it
 *                       World ─prepare─► Tracer: many flows, by class ────┘
 *
 * For a single flow also the stations, each with every rule that was passed over and why: the source's own Calico, global
 * egress and ingress, the destination's own Calico. There the oracle speaks, over what this one flow can meet.
 */
export {type ClassJudge, type ClassJudgeOptions, classJudge, type Decision, type MetRule} from './class-judge.ts'
export {withClosed} from './closed.ts'
export {type Flow, type ParsedFlow, parseFlow, parseProtocol} from './flow.ts'
export {type Explanation, type OwnCalico, type Station, traceStations} from './stations.ts'
export {type Traced, type TraceLine, trace} from './trace.ts'
export {classLookup, prepareTracer, type Tracer, tracerOf} from './tracer.ts'
export type {Asked} from './traffic-matches.ts'
export {type Translated, type TranslatedEnd, translatedEnds} from './translated.ts'
