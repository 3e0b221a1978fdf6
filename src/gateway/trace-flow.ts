import type {TraceResult} from '../api/index.ts'
import type {SourceId} from '../model/index.ts'
import {
  calicoView,
  type Explanation,
  type Flow,
  type OwnCalico,
  prepareTracer,
  type Tracer,
  tracerOf,
  traceStations,
} from '../policy/index.ts'
import type {Runtime} from './runtime.ts'

type Traceable = Pick<Runtime, 'world' | 'compiled' | 'config' | 'resourcesOf'>

/** Answers one flow, by the classes that are in force; what it is given may be anything. */
export function traceFlow(runtime: Traceable, flow: unknown, stations: boolean): TraceResult {
  if (typeof flow !== 'object' || flow === null)
    return {ok: false, problem: 'a flow is an object: {"from":…,"to":…,"protocol":…}'}
  const {from, to, protocol} = flow as Partial<Record<keyof Flow, unknown>>
  if (typeof from !== 'string') return {ok: false, problem: 'from: an address is missing'}
  if (typeof to !== 'string') return {ok: false, problem: 'to: an address is missing'}
  if (typeof protocol !== 'string' && typeof protocol !== 'number') return {ok: false, problem: 'protocol: missing'}
  const asked: Flow = {...(flow as Flow), from, to, protocol}
  const tracer = tracerFor(runtime)
  const traced: Explanation = stations ? traceStations(tracer, ownCalico(runtime), asked) : tracer.trace(asked)
  if (!traced.ok) return {ok: false, problem: `${traced.field}: ${traced.message}`}
  return {ok: true, answer: {...traced.line, ...(traced.stations ? {stations: traced.stations} : {})}}
}

/** The compiler's own classes where they are of this policy: to make them anew would hold up the loop for a second. */
function tracerFor({world, compiled, config}: Traceable): Tracer {
  const [now, state] = [world(), compiled()?.state]
  return state?.live && state.understood.policies === now.policies
    ? tracerOf(now, config.default, state.understood.catalog, state.live.classified)
    : prepareTracer(now, config.default)
}

/** A remote's own policies are not in its export: only those of this site's datastores are known. */
const ownCalico =
  ({config, resourcesOf}: Traceable): OwnCalico =>
  (site, ends) => {
    const datastores = site === config.site ? config.datastores : []
    return new Map(
      datastores.map(({name}) => {
        const source: SourceId = `datastore/${name}`
        return [name, calicoView(resourcesOf(source), ends)]
      }),
    )
  }
