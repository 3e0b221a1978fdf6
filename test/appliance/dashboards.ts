import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'

const FOLDER = path.resolve(import.meta.dirname, '../../appliance/grafana')

export interface PanelQuery {
  readonly dashboard: string
  readonly panel: string
  readonly expr: string
}

interface Panel {
  readonly title: string
  readonly gridPos: {readonly x: number; readonly y: number; readonly w: number; readonly h: number}
  readonly targets?: readonly {readonly expr: string}[]
}

export interface Dashboard {
  readonly file: string
  readonly uid: string
  readonly title: string
  readonly panels: readonly Panel[]
  readonly annotations: {readonly list: readonly {readonly name: string; readonly expr: string}[]}
  readonly templating: {
    readonly list: readonly {readonly name: string; readonly type: string; readonly query: unknown}[]
  }
}

export const dashboards = (): Dashboard[] =>
  readdirSync(FOLDER)
    .sort()
    .map((file) => ({file, ...JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8'))}))

/** Whatever a dashboard asks Prometheus: panels, annotations, and what its variables may be. */
export function queriesOf({file, panels, annotations, templating}: Dashboard): PanelQuery[] {
  const dashboard = path.basename(file, '.json')
  const series = templating.list.flatMap(({name, query}) => {
    if (typeof query !== 'object' || query === null || !('query' in query)) return []
    // `label_values(SERIES, LABEL)` is Grafana's own: the series are what Prometheus is asked for.
    const [, asked] = /^label_values\((.*), \w+\)$/.exec(String(query.query)) ?? []
    return asked === undefined ? [] : [{dashboard, panel: `variable ${name}`, expr: asked}]
  })
  return [
    ...panels.flatMap(({title, targets = []}) => targets.map(({expr}) => ({dashboard, panel: title, expr}))),
    ...annotations.list.map(({name, expr}) => ({dashboard, panel: `annotation ${name}`, expr})),
    ...series,
  ]
}

/** As Grafana asks it with "All" of every variable. */
export const asAsked = (expr: string, rateInterval: string): string =>
  expr.replaceAll('$__rate_interval', rateInterval).replace(/\$\w+/g, '.*')

export interface Answer {
  readonly error: string | null
  readonly samples: number
}

/** What Prometheus says to a query now. */
export async function ask(base: string, expr: string): Promise<Answer> {
  const response = await fetch(`${base}/api/v1/query?${new URLSearchParams({query: expr})}`)
  const {status, error, data}: {status: string; error?: string; data?: {result: unknown[]}} = JSON.parse(
    await response.text(),
  )
  return status === 'success' ? {error: null, samples: data!.result.length} : {error: error ?? status, samples: 0}
}

/** Of all queries those that Prometheus refuses, and those without a sample, as `dashboard: panel: expression`. */
export async function askAll(base: string, rateInterval: string): Promise<{refused: string[]; empty: string[]}> {
  const refused: string[] = []
  const empty: string[] = []
  for (const query of dashboards().flatMap(queriesOf)) {
    const {error, samples} = await ask(base, asAsked(query.expr, rateInterval))
    const name = `${query.dashboard}: ${query.panel}: ${query.expr}`
    if (error !== null) refused.push(`${name}: ${error}`)
    else if (samples === 0) empty.push(name)
  }
  return {refused, empty}
}
