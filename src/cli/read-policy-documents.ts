import {readFile} from 'node:fs/promises'
import {decodeDocument} from '../decode/index.ts'
import type {Finding, RawRecord} from '../model/index.ts'

/**
 * Reads Calico documents as records below the isthmus root, which is where `isthmus apply` would put them.
 *
 * A document that is wrong is a finding with file and line, and then nothing is answered: an answer about half of a
 * file would pass for one about all of it.
 */
export async function readPolicyDocuments(
  paths: readonly string[],
): Promise<{readonly records: readonly RawRecord[]; readonly findings: readonly Finding[]}> {
  const {readYamlStream} = await import('../yaml/index.ts')
  const records: RawRecord[] = []
  const findings: Finding[] = []
  for (const file of paths) {
    const source = `policy ${file}`
    const fail = (place: {line?: number; column?: number; field?: string}, detail: string): void => {
      findings.push({code: 'record-invalid', severity: 'error', where: {source, ...place}, detail})
    }
    let text: string
    try {
      text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')
    } catch (error) {
      fail({}, error instanceof Error ? error.message : String(error))
      continue
    }
    for (const {value, faults, start} of readYamlStream(text)) {
      for (const {message, ...place} of faults) fail(place, `not YAML: ${message}`)
      if (faults.length > 0) continue
      const decoded = decodeDocument(value, source)
      findings.push(...decoded.findings.map((finding) => ({...finding, where: {...finding.where, ...start}})))
      if (decoded.type !== 'resource') continue
      const {key, document} = decoded
      records.push({key, value: new TextEncoder().encode(document ?? ''), modRevision: Number.MAX_SAFE_INTEGER})
    }
  }
  return {records, findings}
}
