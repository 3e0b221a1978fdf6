import * as z from 'zod'
import {json, type Reply, refuse} from './answer.ts'
import * as shapes from './console-schemas.ts'
import type {Refused} from './console-view.ts'
import {NO_QUERY, wholeNumber} from './query.ts'
import {type Route, route} from './route.ts'

const DAY_MINUTES = 1440
/** As long as a label may be, with its prefix. */
const MOST_LABEL = 512

const MINUTES = z.strictObject({minutes: wholeNumber(1, DAY_MINUTES).default(30)})
const label = z.string().min(1).max(MOST_LABEL)

/** What the console looks at beside what is there for everybody. */
export const CONSOLE_ROUTES: readonly Route[] = [
  route(
    {
      ...{method: 'GET', path: '/v1/series/tunnels', does: 'all tunnels together over time', role: 'viewer'},
      ...{query: MINUTES, body: null},
      answers: {200: shapes.TunnelSeries},
    },
    ({view}, {query}) => json(view.console.series(null, query.minutes)),
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/series/{kind}/{name}', does: 'a tunnel over time', role: 'viewer'},
      ...{query: MINUTES, body: null},
      answers: {200: shapes.TunnelSeries},
    },
    ({view}, {params: {kind, name}, query}) => {
      if (kind !== 'tunnels') return refuse(404, 'unknown-kind', 'there are series of tunnels', 'path.kind')
      const series = view.console.series(name!, query.minutes)
      return series ? json(series) : refuse(404, 'not-found', `no samples of a tunnel ${name}`, 'path.name')
    },
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/policy/matrix', does: 'who may talk to whom', role: 'viewer'},
      ...{query: z.strictObject({by: label.default('site')}), body: null},
      answers: {200: shapes.PolicyMatrix},
      refuses: [404, 422],
    },
    async ({view}, {query}) => answered(await view.console.policyMatrix(query.by)),
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/policy/pair', does: 'how one group is judged towards another', role: 'viewer'},
      query: z.strictObject({by: label, from: z.string().max(MOST_LABEL), to: z.string().max(MOST_LABEL)}),
      body: null,
      answers: {200: shapes.PolicyPair},
      refuses: [404],
    },
    async ({view}, {query: {by, from, to}}) => answered(await view.console.policyPair(by, from, to)),
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/policy/text/{name}', does: 'a policy in force as YAML', role: 'viewer'},
      ...{query: NO_QUERY, body: null},
      answers: {200: shapes.PolicyText},
    },
    ({view}, {params}) => {
      const text = view.console.policyText(params.name!)
      if (text !== null) return json({name: params.name, text})
      return refuse(404, 'not-found', `no policy ${params.name} whose text is known here`, 'path.name')
    },
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/policy/diff', does: 'what documents would open and close', role: 'viewer'},
      query: z.strictObject({delete: z.string().max(253).optional()}),
      ...{body: z.string(), bodyIs: 'text'},
      answers: {200: shapes.PolicyDiff},
      refuses: [404, 422],
    },
    ({view}, {query, body}) =>
      answered(view.console.policyDiff(body, query.delete === undefined ? [] : [query.delete])),
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/alerts', does: "alerts by Prometheus' word", role: 'viewer'},
      ...{query: NO_QUERY, body: null},
      answers: {200: shapes.AlertsAnswer},
    },
    async ({view}) => json(await view.console.alerts()),
  ),
]

const STATUS_OF = {'bad-request': 400, 'not-found': 404, 'too-large': 422, 'document-refused': 422} as const

function answered(answer: object | Refused): Reply {
  if (!('refused' in answer)) return json(answer)
  const {refused: code, message, findings} = answer
  const error = {code, message, ...(findings ? {findings} : {})}
  return json({error}, STATUS_OF[code])
}
