import {type Finding, parseSnapshot, type RawRecord} from '../model/index.ts'
import {validateDocuments} from './validate.ts'

/**
 * The records of a file that stands for a datastore: a snapshot (`*.jsonl`), or documents as `isthmus apply` takes them, as
 * if they had been applied. With an error among the findings nothing of it counts.
 */
export function parseFile(
  text: string,
  file: string,
): {readonly values: readonly Pick<RawRecord, 'key' | 'value'>[]; readonly findings: readonly Finding[]} {
  if (file.endsWith('.jsonl')) {
    const {snapshot, findings} = parseSnapshot(text, file)
    return {values: snapshot?.records ?? [], findings}
  }
  const {documents, findings} = validateDocuments([{file, text}])
  return {values: documents.map(({key, body}) => ({key, value: Buffer.from(JSON.stringify(body))})), findings}
}
