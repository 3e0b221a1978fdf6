import {isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument} from 'yaml'
import type {z} from 'zod'
import type {Finding, GatewayConfig} from '../model/index.ts'
import type {Path, Problem} from './problem.ts'
import {checkMeaning, toGatewayConfig} from './resolve.ts'
import {gatewaySchema} from './schema.ts'

/**
 * Reads gateway.yaml. All findings at once, in the order of the file, each with line, column and path. `config` is
 * null as soon as one of them is an error: half a configuration is never given out.
 */
export function parseGatewayConfig(text: string, file: string): {config: GatewayConfig | null; findings: Finding[]} {
  const source = `config ${file}`
  const lines = new LineCounter()
  const document = parseDocument(text, {lineCounter: lines, prettyErrors: false})
  if (document.errors.length > 0) {
    const findings = document.errors.map((error): Finding => {
      const {line, col} = lines.linePos(error.pos[0])
      return {
        code: 'config-syntax',
        severity: 'error',
        where: {source, line, column: col},
        detail: `not YAML: ${error.message}`,
      }
    })
    return {config: null, findings}
  }

  const locate = (path: Path): {line: number; column: number} => {
    const {line, col} = lines.linePos(offsetOf(document.contents, path))
    return {line, column: col}
  }
  const toFinding = (problem: Problem): Finding => ({
    code: problem.code,
    severity: 'error',
    where: {source, ...(problem.path.length > 0 ? {field: printPath(problem.path)} : {}), ...locate(problem.path)},
    detail: problem.detail,
    ...(problem.remedy ? {remedy: problem.remedy} : {}),
  })

  const shape = gatewaySchema.safeParse(document.toJS() ?? {})
  const problems = shape.success
    ? checkMeaning(shape.data)
    : shape.error.issues.flatMap((issue) => toProblems(issue, document.hasIn(issue.path)))
  const findings = problems.map(toFinding)
  findings.sort((a, b) => a.where.line! - b.where.line! || a.where.column! - b.where.column!)
  return {config: shape.success && findings.length === 0 ? toGatewayConfig(shape.data) : null, findings}
}

function toProblems(issue: z.core.$ZodIssue, present: boolean): Problem[] {
  const path = issue.path
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

/** `sites.b.owns[0]`, as people write it. */
function printPath(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('')
}

/** Offset of the node at the path, or of the nearest parent that exists (for a key that is missing). */
function offsetOf(contents: unknown, path: Path): number {
  let node = contents as Node | null
  let offset = node?.range?.[0] ?? 0
  for (const part of path) {
    let next: Node | null = null
    if (isMap(node)) {
      const pair = node.items.find((item: Pair) => (isScalar(item.key) ? String(item.key.value) : '') === String(part))
      if (!pair) return offset
      offset = (pair.key as Node | null)?.range?.[0] ?? offset
      next = pair.value as Node | null
    } else if (isSeq<Node>(node) && typeof part === 'number') {
      next = node.items[part] ?? null
      offset = next?.range?.[0] ?? offset
    }
    if (!next) return offset
    node = next
  }
  return offset
}
