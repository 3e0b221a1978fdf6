import {existsSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {explain, type Mistake} from './explain.ts'
import {checkReferences, filesOf} from './references.ts'
import {ScenarioRefused} from './refused.ts'
import {type Scenario, scenarioSchema} from './schema.ts'
import {readSource, type Source} from './source.ts'

type Path = readonly PropertyKey[]

/** A scenario put together from its files. `placeOf` leads from a path in the whole to the file that says it. */
interface Whole {
  readonly value: Record<string, unknown>
  readonly placeOf: (path: Path) => {readonly source: Source; readonly path: Path}
}

/**
 * Reads a scenario. `base: FILE` gives keys that the file itself does not have, and a step `{include: FILE}` stands
 * for the list of steps in that file, so that two scenarios can share all but what makes them different. All files are
 * named from the scenario's own folder.
 */
export function loadScenario(file: string): {scenario: Scenario; dir: string} {
  const dir = dirname(file)
  const problems: string[] = []
  const whole = assemble(file, dir, problems)
  if (!whole || problems.length > 0) throw new ScenarioRefused(problems.join('\n'))

  const result = scenarioSchema.safeParse(whole.value)
  const mistakes: Mistake[] = result.success ? [] : result.error.issues.flatMap((issue) => explain(issue, whole.value))
  const readable = result.success ? result.data : withoutBadSteps(whole.value, mistakes)
  if (readable) {
    mistakes.push(...checkReferences(readable))
    for (const {path, file: named} of filesOf(readable)) {
      if (!existsSync(join(dir, named))) mistakes.push({path, message: `no such file: ${named}`})
    }
  }
  if (!result.success || mistakes.length > 0) {
    const lines = mistakes.map(({path, message}) => {
      const {source, path: own} = whole.placeOf(path)
      return `${source.file}:${source.lineOf(own)}: ${own.map(String).join('.') || 'the file'}: ${message}`
    })
    throw new ScenarioRefused([...new Set(lines)].join('\n'))
  }
  return {scenario: result.data, dir}
}

function assemble(file: string, dir: string, problems: string[]): Whole | null {
  const own = readSource(file, problems)
  if (!own) return null
  if (!isRecord(own.value)) {
    problems.push(`${file}:1: a map of keys expected`)
    return null
  }
  const {base, ...rest} = own.value
  const below = typeof base === 'string' ? readSource(join(dir, base), problems) : null
  const value = {...(isRecord(below?.value) ? below.value : {}), ...rest}
  const sourceOf = (key: PropertyKey | undefined): Source =>
    below && isRecord(below.value) && key !== undefined && !(key in rest) && key in below.value ? below : own

  const steps: unknown[] = []
  const places: {source: Source; path: Path}[] = []
  const listed = value.steps
  if (Array.isArray(listed)) {
    const source = sourceOf('steps')
    for (const [index, step] of (listed as unknown[]).entries()) {
      const include = isRecord(step) && Object.keys(step).length === 1 ? step.include : undefined
      const part = typeof include === 'string' ? readSource(join(dir, include), problems) : null
      if (part && !Array.isArray(part.value)) problems.push(`${part.file}:1: a list of steps expected`)
      if (part && Array.isArray(part.value)) {
        for (const [nth, inner] of (part.value as unknown[]).entries()) {
          steps.push(inner)
          places.push({source: part, path: [nth]})
        }
      } else if (typeof include !== 'string') {
        steps.push(step)
        places.push({source, path: ['steps', index]})
      }
    }
    value.steps = steps
  }
  return {
    value,
    placeOf(path) {
      const [key, index] = path
      const step = key === 'steps' && typeof index === 'number' ? places[index] : undefined
      return step ? {source: step.source, path: [...step.path, ...path.slice(2)]} : {source: sourceOf(key), path}
    },
  }
}

/** The scenario as it would be if the steps that cannot be read did nothing: its names can be checked all the same. */
function withoutBadSteps(value: Record<string, unknown>, mistakes: readonly Mistake[]): Scenario | null {
  const {steps} = value
  if (!Array.isArray(steps)) return null
  const bad = new Set(mistakes.flatMap(({path: [key, index]}) => (key === 'steps' ? [index] : [])))
  const nothing = {event: {waitMs: 0}}
  const rest = (steps as unknown[]).map((step, index) => (bad.has(index) ? nothing : step))
  return scenarioSchema.safeParse({...value, steps: rest}).data ?? null
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
