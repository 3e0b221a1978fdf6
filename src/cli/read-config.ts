import {readFile} from 'node:fs/promises'
import type {Finding, GatewayConfig} from '../model/index.ts'

/** Reads and parses gateway.yaml; a file that cannot be read is a finding like any other. */
export async function readGatewayConfig(
  file: string,
): Promise<{readonly config: GatewayConfig | null; readonly findings: readonly Finding[]}> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const where = {source: `config ${file}`}
    const detail = error instanceof Error ? error.message : String(error)
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const remedy = isMissing ? {remedy: 'name the file that there is, or make one with isthmus setup'} : {}
    return {config: null, findings: [{code: 'config-unreadable', severity: 'error', where, detail, ...remedy}]}
  }
  // zod and yaml are most of what the command line loads; only commands that read a configuration pay for them.
  const {parseGatewayConfig} = await import('../config/index.ts')
  return parseGatewayConfig(text, file)
}

/** `FILE:LINE:COLUMN: …`, as editors and terminals make links of. */
export function formatFindingIn(file: string, {severity, code, where, detail, remedy}: Finding): string {
  const place = [file, where.line, where.column].filter((part) => part !== undefined).join(':')
  const field = where.field === undefined ? '' : ` ${where.field}`
  return `${place}: ${severity} ${code}${field}: ${detail}${remedy ? `; ${remedy}` : ''}`
}
