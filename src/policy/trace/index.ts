/**
 * Answers without a packet: which rule decides a flow.
 *
 *     Flow (text, numbers) ─parse─► Packet ─┬─ oracle: one flow of a World ────────┬─► Judgement ─► one line, as formats.md has it
 *                       World ─prepare─► Tracer: many flows, by class ────┘
 *
 * The stations of a single flow (source's own policies, global at both gateways, destination's own), the rules passed
 * over, and diff and proof of policy sets by classes will stand here.
 */
export {type Flow, type ParsedFlow, parseFlow, parseProtocol} from './flow.ts'
export {type Traced, type TraceLine, trace} from './trace.ts'
export {prepareTracer, type Tracer} from './tracer.ts'
