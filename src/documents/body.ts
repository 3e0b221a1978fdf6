import {isObject, type Json} from './shape.ts'

/** Of the stored copy and no part of what the writer wants. */
const OF_THE_COPY: ReadonlySet<string> = new Set([
  'uid',
  'creationTimestamp',
  'resourceVersion',
  'selfLink',
  'generation',
  'generateName',
  'managedFields',
  'finalizers',
])
/** Calico's client hides it from users and writes it anew; our keys never had the prefix it remembers (decision 0030). */
const HIDDEN_ANNOTATION = 'projectcalico.org/metadata'

/** Maps whose values are somebody's words: an empty one is a value there. */
const WORDS: ReadonlySet<string> = new Set(['labels', 'annotations', 'labelsToApply'])

/**
 * What a document says, without what only describes its stored copy, and with everything out that is the same as
 * missing (Go's omitempty): `null`, empty text, false, empty lists and mappings. So two spellings of one thing are one.
 */
export function bodyOf(document: Json): Json {
  const metadata = isObject(document.metadata) ? document.metadata : {}
  const kept = Object.fromEntries(Object.entries(metadata).filter(([name]) => !OF_THE_COPY.has(name)))
  if (isObject(kept.annotations)) {
    kept.annotations = Object.fromEntries(
      Object.entries(kept.annotations).filter(([name]) => name !== HIDDEN_ANNOTATION),
    )
  }
  const {name, namespace, ...others} = kept
  const clean = cleaned({name, namespace, ...others}, false)
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: document.kind,
    metadata: isObject(clean) ? clean : {},
    spec: isObject(document.spec) ? (cleaned(document.spec, false) ?? {}) : {},
  }
}

/** The body of a stored value. Its key is the identity: it need not repeat kind and name (decode says the same). */
export function bodyUnder(
  {kind, name, namespace}: {readonly kind: string; readonly name: string; readonly namespace: string | null},
  value: Json,
): Json {
  const metadata = isObject(value.metadata) ? value.metadata : {}
  return bodyOf({...value, kind, metadata: {...metadata, name, ...(namespace === null ? {} : {namespace})}})
}

/** `undefined`: nothing of it is left. Items of lists stay where they are. */
function cleaned(value: unknown, isWords: boolean): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => cleaned(item, false) ?? item)
  if (isObject(value)) {
    const entries = Object.entries(value)
      .map(([name, inner]): [string, unknown] => [name, keptField(name, inner, isWords)])
      .filter(([, inner]) => inner !== undefined)
    return entries.length === 0 ? undefined : Object.fromEntries(entries)
  }
  if (isWords) return value ?? undefined
  return value === null || value === '' || value === false ? undefined : value
}

/** An empty `http` is a match all the same: whoever reads it asks only whether it is there. */
function keptField(name: string, value: unknown, isWords: boolean): unknown {
  if (name === 'http' && isObject(value)) return cleaned(value, false) ?? {}
  return cleaned(value, isWords || WORDS.has(name))
}

/** The same for equal bodies, whatever the order of their fields. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    isObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  )
}

export interface Identity {
  readonly uid: string
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp: string
}

/** The text to store: Calico's own layout, in its order of fields (calico-model 2.1). */
export function storedText(body: Json, {uid, creationTimestamp}: Identity): string {
  const metadata = isObject(body.metadata) ? body.metadata : {}
  const {kind, apiVersion, spec} = body
  const status = kind === 'Tier' ? {status: {}} : {}
  return JSON.stringify({kind, apiVersion, metadata: {...metadata, uid, creationTimestamp}, spec, ...status})
}

/** uid and time of creation of a stored document; null where it has none, or they are none. */
export function identityOf(stored: Json): Identity | null {
  const {uid, creationTimestamp} = isObject(stored.metadata) ? stored.metadata : {}
  return typeof uid === 'string' && uid !== '' && typeof creationTimestamp === 'string' && creationTimestamp !== ''
    ? {uid, creationTimestamp}
    : null
}
