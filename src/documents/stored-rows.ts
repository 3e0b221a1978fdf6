import {bodyUnder, identityOf} from './body.ts'
import {DOCUMENT_KINDS, DOCUMENTS_ROOT, type DocumentKind} from './kinds.ts'
import {parseStored, type Stored} from './plan.ts'
import {isObject, type Json} from './shape.ts'

/** One stored document, for people to see and to apply again. */
export interface StoredRow {
  readonly kind: DocumentKind
  readonly name: string
  readonly namespace: string | null
  /** As it may be applied; null where what is stored cannot be read. */
  readonly document: Json | null
}

/** The documents of these kinds, by kind and key. What stands under a key that is none of theirs is left out. */
export function storedRows(stored: Stored, kinds: readonly DocumentKind[]): StoredRow[] {
  return DOCUMENT_KINDS.filter((kind) => kinds.includes(kind)).flatMap((kind) => {
    const prefix = `${DOCUMENTS_ROOT}${kind.plural}/`
    return [...stored.values()]
      .filter(({key}) => key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .flatMap(({key, text, modRevision}): StoredRow[] => {
        const parts = key.slice(prefix.length).split('/')
        const name = parts.at(-1)!
        if (parts.length !== (kind.scope === 'cluster' ? 1 : 2) || name === '') return []
        const namespace = kind.scope === 'cluster' ? null : parts[0]!
        return [{kind, name, namespace, document: printed(kind, name, namespace, text, modRevision)}]
      })
  })
}

/** What describes the stored copy stands behind the rest of the metadata, as calicoctl has it too. */
function printed(
  {kind}: DocumentKind,
  name: string,
  namespace: string | null,
  text: string,
  modRevision: number,
): Json | null {
  const value = parseStored(text)
  if (!value) return null
  const body = bodyUnder({kind, name, namespace}, value)
  const metadata = isObject(body.metadata) ? body.metadata : {}
  return {...body, metadata: {...metadata, ...identityOf(value), resourceVersion: String(modRevision)}}
}
