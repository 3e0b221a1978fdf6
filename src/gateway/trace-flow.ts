import type {TraceResult} from '../api/index.ts'
import type {SourceId} from '../model/index.ts'
import {
  type Explanation,
  exportedCalico,
  type Flow,
  type OwnCalico,
  prepareTracer,
  storedCalico,
  type Tracer,
  tracerOf,
  traceStations,
  translatedEnds,
  withClosed,
} from '../policy/index.ts'
import type {Runtime} from './runtime.ts'

type Traceable = Pick<Runtime, 'world' | 'compiled' | 'config' | 'recordsOf'>

/** Answers one flow, by the classes that are in force, and the sites that are closed; what it is given may be anything. */
export function traceFlow(runtime: Traceable, flow: unknown, stations: boolean): TraceResult {
  if (typeof flow !== 'object' || flow === null)
    return {ok: false, problem: 'a flow is an object: {"from":…,"to":…,"protocol":…}'}
  const {from, to, protocol} = flow as Partial<Record<keyof Flow, unknown>>
  if (typeof from !== 'string') return {ok: false, problem: 'from: an address is missing'}
  if (typeof to !== 'string') return {ok: false, problem: 'to: an address is missing'}
  if (typeof protocol !== 'string' && typeof protocol !== 'number') return {ok: false, problem: 'protocol: missing'}
  const asked: Flow = {...(flow as Flow), from, to, protocol}
  const tracer = withClosed(tracerFor(runtime), runtime.world().sites)
  const translated = translatedEnds(runtime.world().sites)
  const traced: Explanation = stations
    ? traceStations(tracer, ownCalico(runtime), asked, translated)
    : tracer.trace(asked)
  if (!traced.ok) return {ok: false, problem: `${traced.field}: ${traced.message}`}
  const ends = translated(asked)
  const more = {...(ends.length > 0 ? {translated: ends} : {}), ...(traced.stations ? {stations: traced.stations} : {})}
  return {ok: true, answer: {...traced.line, ...more}}
}

/** The compiler's own classes where they are of this policy: to make them anew would hold up the loop for a second. */
function tracerFor({world, compiled, config}: Traceable): Tracer {
  const [now, state] = [world(), compiled()?.state]
  return state?.live && state.understood.policies === now.policies
    ? tracerOf(now, config.default, state.understood.catalog, state.live.classified)
    : prepareTracer(now, config.default)
}

/** Of this site's datastores all is known; of a remote what its export tells, with `localPolicies`. */
const ownCalico =
  ({config, recordsOf}: Traceable): OwnCalico =>
  (site, ends) => {
    if (site !== config.site) return exportedCalico(recordsOf(`export/${site}`), ends)
    const sources = config.datastores.map(({name}): [string, SourceId] => [name, `datastore/${name}`])
    return storedCalico(new Map(sources.map(([name, source]) => [name, recordsOf(source)])), ends)
  }
