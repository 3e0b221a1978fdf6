import type {Finding, RawRecord} from '../model/index.ts'
import {readTexts} from './read-texts.ts'

/**
 * Reads Calico documents as records below the isthmus root, as `isthmus apply` would put them there and as strictly.
 *
 * A document that is wrong is a finding with file and line, and then nothing is answered: an answer about half of a
 * file would pass for one about all of it.
 */
export async function readPolicyDocuments(
  paths: readonly string[],
): Promise<{readonly records: readonly RawRecord[]; readonly findings: readonly Finding[]}> {
  const [{texts, findings: unread}, {validateDocuments}] = await Promise.all([
    readTexts(paths),
    import('../documents/index.ts'),
  ])
  const {documents, findings} = validateDocuments(texts)
  const records = documents.map(({key, body}) => ({
    key,
    value: new TextEncoder().encode(JSON.stringify(body)),
    // Later than anything that is stored.
    modRevision: Number.MAX_SAFE_INTEGER,
  }))
  return {records, findings: [...unread, ...findings]}
}
