import type {z} from 'zod'
import type {Finding, GatewayConfig, SiteOverlap} from '../model/index.ts'
import {printPath, readYaml, type YamlDocument} from '../yaml/index.ts'
import {CONFIG_VERSION, newerVersion, olderVersion} from './migrate.ts'
import type {Problem} from './problem.ts'
import {checkMeaning, toGatewayConfig} from './resolve.ts'
import {type GatewayYaml, gatewaySchema} from './schema.ts'
import {overlappingSites} from './site-prefixes.ts'

/**
 * Reads gateway.yaml. All findings at once, in the order of the file, each with line, column and path. `config` is
 * null as soon as one of them is an error: half a configuration is never given out.
 */
export function parseGatewayConfig(text: string, file: string): {config: GatewayConfig | null; findings: Finding[]} {
  let overlaps: readonly SiteOverlap[] = []
  const check = (yaml: GatewayYaml, document: YamlDocument): readonly Problem[] => {
    overlaps = overlappingSites(yaml, inFileOrder(document, Object.keys(yaml.sites)))
    return checkMeaning(yaml, overlaps)
  }
  const {value, findings} = readShape(gatewaySchema, text, file, check, unlikeThis)
  return {config: value && toGatewayConfig(value, overlaps), findings}
}

/**
 * A text of one shape: the value, and all that is wrong with it. `check` says what the shape cannot; `unlike` why every key
 * would be found wrong, and is then all that is said.
 */
export function readShape<T>(
  schema: z.ZodType<T>,
  text: string,
  file: string,
  check: (value: T, document: YamlDocument) => readonly Problem[],
  unlike: (value: unknown) => Problem | null = () => null,
): {value: T | null; findings: Finding[]} {
  const source = `config ${file}`
  const document = readYaml(text)
  if (document.faults.length > 0) {
    const findings = document.faults.map(
      ({line, column, message}): Finding => ({
        code: 'config-syntax',
        severity: 'error',
        where: {source, line, column},
        detail: `not YAML: ${message}`,
      }),
    )
    return {value: null, findings}
  }

  const toFinding = (problem: Problem): Finding => ({
    code: problem.code,
    severity: problem.severity ?? 'error',
    where: {source, ...(problem.path.length > 0 ? {field: printPath(problem.path)} : {}), ...document.at(problem.path)},
    detail: problem.detail,
    ...(problem.remedy ? {remedy: problem.remedy} : {}),
  })

  const other = unlike(document.value)
  if (other !== null) return {value: null, findings: [toFinding(other)]}

  const shape = schema.safeParse(document.value ?? {})
  const problems = shape.success
    ? check(shape.data, document)
    : shape.error.issues.flatMap((issue) => toProblems(issue, document))
  const findings = problems.map(toFinding)
  findings.sort((a, b) => a.where.line! - b.where.line! || a.where.column! - b.where.column!)
  const isUsable = findings.every(({severity}) => severity !== 'error')
  return {value: shape.success && isUsable ? shape.data : null, findings}
}

/** A file as the package installs it, and one of another version. */
function unlikeThis(value: unknown): Problem | null {
  if (value === null || value === undefined) {
    return {
      code: 'config-missing',
      path: [],
      detail: 'nothing is configured yet: the file has no key',
      remedy: '`isthmus setup` makes it, or write it by docs/operate/install.md; then start the gateway',
    }
  }
  const version: unknown = typeof value === 'object' && 'version' in value ? value.version : null
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1 || version === CONFIG_VERSION)
    return null
  const words = version > CONFIG_VERSION ? newerVersion(version) : olderVersion(version)
  return {code: 'config-invalid', path: ['version'], ...words}
}

/** Keys that are numbers come first in an object, wherever they stand in the file. */
function inFileOrder(document: YamlDocument, sites: readonly string[]): string[] {
  const places = new Map(sites.map((site) => [site, document.at(['sites', site])]))
  return sites.toSorted((a, b) => {
    const [one, other] = [places.get(a)!, places.get(b)!]
    return one.line - other.line || one.column - other.column
  })
}

function toProblems(issue: z.core.$ZodIssue, document: YamlDocument): Problem[] {
  const path = issue.path
  const present = document.has(path)
  if (issue.code === 'invalid_union' && present) {
    // Of the forms that a value may have, the one that it has: others find fault with the whole.
    const meant = issue.errors.find((inner) => inner.every((one) => one.code !== 'invalid_type' || one.path.length > 0))
    if (meant) return meant.flatMap((inner) => toProblems({...inner, path: [...path, ...inner.path]}, document))
    const forms = issue.errors.flatMap((inner) => inner.map((one) => (one.code === 'invalid_type' ? one.expected : '')))
    return [{code: 'config-invalid', path, detail: `must be ${[...new Set(forms)].join(' or ')}`}]
  }
  if (!present && path.length > 0) return [{code: 'config-missing', path, detail: 'missing, and required'}]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      code: 'config-unknown-key',
      path: [...path, key],
      detail: `unknown key ${JSON.stringify(key)}`,
      remedy: 'see docs/reference/configuration.md for the keys of each section',
    }))
  }
  if (issue.code === 'invalid_key') {
    return [{code: 'config-invalid', path, detail: issue.issues.map((inner) => inner.message).join('; ')}]
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map((value) => JSON.stringify(value)).join(', ')
    return [{code: 'config-invalid', path, detail: `must be ${issue.values.length > 1 ? `one of ${values}` : values}`}]
  }
  return [{code: 'config-invalid', path, detail: issue.message}]
}
