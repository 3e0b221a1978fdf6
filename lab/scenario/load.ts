import {readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {isMap, isSeq, LineCounter, type Node, parseDocument} from 'yaml'
import type {z} from 'zod'
import {type Scenario, scenarioSchema} from './schema.ts'

/** Everything that is wrong with a scenario, each with file, line and path. */
export class ScenarioRefused extends Error {}

interface Parsed {
  readonly file: string
  readonly value: Record<string, unknown>
  readonly lineOf: (path: readonly PropertyKey[]) => number
}

function parseFile(file: string): Parsed {
  const lines = new LineCounter()
  const document = parseDocument(readFileSync(file, 'utf8'), {lineCounter: lines, prettyErrors: false})
  if (document.errors.length > 0) {
    const all = document.errors.map(
      (error) => `${file}:${lines.linePos(error.pos[0]).line}: not YAML: ${error.message}`,
    )
    throw new ScenarioRefused(all.join('\n'))
  }
  const lineOf = (path: readonly PropertyKey[]): number => {
    let node: unknown = document.contents
    let offset = 0
    for (const part of path) {
      const next: unknown = isMap(node) || isSeq(node) ? node.get(part, true) : undefined
      if (next === undefined) break
      node = next
      offset = (next as Node).range?.[0] ?? offset
    }
    return lines.linePos(offset).line
  }
  return {file, value: (document.toJS() ?? {}) as Record<string, unknown>, lineOf}
}

/**
 * Reads a scenario. `base: FILE` gives keys that the file itself does not have, and a step `{include: FILE}` stands
 * for the list of steps in that file, so that two scenarios can share all but what makes them different.
 */
export function loadScenario(file: string): {scenario: Scenario; dir: string} {
  const own = parseFile(file)
  const dir = dirname(file)
  const {base, ...rest} = own.value
  const value: Record<string, unknown> =
    typeof base === 'string' ? {...parseFile(join(dir, base)).value, ...rest} : rest
  value.steps = expandSteps(value.steps, dir)
  const result = scenarioSchema.safeParse(value)
  if (!result.success) {
    throw new ScenarioRefused(result.error.issues.map((issue) => explain(issue, own)).join('\n'))
  }
  const problems = checkReferences(result.data)
  if (problems.length > 0) throw new ScenarioRefused(problems.map((problem) => `${file}: ${problem}`).join('\n'))
  return {scenario: result.data, dir}
}

function expandSteps(steps: unknown, dir: string): unknown {
  if (!Array.isArray(steps)) return steps
  return steps.flatMap((step: unknown) => {
    const include = typeof step === 'object' && step !== null && 'include' in step ? step.include : undefined
    if (typeof include !== 'string') return [step]
    const list = parseDocument(readFileSync(join(dir, include), 'utf8')).toJS() as unknown
    return Array.isArray(list) ? (list as unknown[]) : [list]
  })
}

function explain(issue: z.core.$ZodIssue, {file, lineOf}: Parsed): string {
  // Of a union, only the branch that came furthest is of use to a person.
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const best = [...issue.errors].sort((a, b) => a.length - b.length)[0]!
    return best
      .map((inner) => explain({...inner, path: [...issue.path, ...inner.path]}, {file, lineOf, value: {}}))
      .join('\n')
  }
  return `${file}:${lineOf(issue.path)}: ${issue.path.map(String).join('.')}: ${issue.message}`
}

/** Names that must exist: sites of pairs, routers of gateways, nodes of pods, pods of checks. */
function checkReferences(scenario: Scenario): string[] {
  const problems: string[] = []
  const sites = Object.keys(scenario.sites)
  const need = (ok: boolean, problem: string): void => {
    if (!ok) problems.push(problem)
  }
  for (const {between} of scenario.pairs) {
    for (const site of between) need(sites.includes(site), `pairs: no site ${site}; known: ${sites.join(', ')}`)
  }
  need(sites.includes(scenario.authority), `authority: no site ${scenario.authority}`)
  for (const [a, b] of scenario.wan.links) {
    for (const router of [a, b]) need(router in scenario.wan.routers, `wan.links: no router ${router}`)
  }
  for (const [name, site] of Object.entries(scenario.sites)) {
    for (const [gateway, {attach}] of Object.entries(site.gateways)) {
      need(attach in scenario.wan.routers, `sites.${name}.gateways.${gateway}.attach: no router ${attach}`)
    }
    for (const [pod, {node}] of Object.entries(site.pods)) {
      need(node in site.nodes, `sites.${name}.pods.${pod}.node: no node ${node}`)
    }
  }
  return problems
}
