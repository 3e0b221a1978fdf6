import type {Decoded} from '../model/index.ts'
import {kindNamed} from './kinds.ts'
import {bad, type Place} from './outcome.ts'
import {decodeValue} from './resource.ts'

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const API_VERSION = 'projectcalico.org/v3'

/**
 * Decodes one v3 document of a file (`isthmus apply`, `--policy FILE`), as parsed from YAML or JSON.
 *
 * The writer of a document is Calico's client, so its defaults are set here, before anybody stores it: the tier, its
 * label, and `types` from the rules that are there (calico-model 4.3). On success `key` is where it belongs under the
 * isthmus root, and `document` (of any kind) the text to store. `modRevision` orders documents of one file.
 */
export function decodeDocument(document: unknown, source: string, modRevision = 0): Decoded {
  const place: Place = {key: '', modRevision, source}
  if (!isObject(document)) return bad(place, 'record-invalid', 'not an object')
  const kind = typeof document.kind === 'string' ? document.kind : ''
  const entry = kindNamed(kind)
  if (!entry?.decode) {
    return bad(
      place,
      'record-unknown-kind',
      kind === '' ? 'no kind' : `kind ${JSON.stringify(kind)} is not stored here`,
    )
  }
  if (document.apiVersion !== API_VERSION) {
    return bad(place, 'record-invalid', `apiVersion ${JSON.stringify(document.apiVersion)} is not ${API_VERSION}`)
  }
  const metadata = isObject(document.metadata) ? document.metadata : {}
  const {name, namespace} = metadata
  if (typeof name !== 'string' || name === '' || name.includes('/')) {
    return bad(place, 'record-invalid', `metadata.name of a ${kind} is missing or holds a /`)
  }
  const namespaced = entry.scope === 'namespaced'
  if (namespaced !== (typeof namespace === 'string' && namespace !== '' && !namespace.includes('/'))) {
    return bad(
      place,
      'record-invalid',
      namespaced ? `a ${kind} needs a metadata.namespace` : `a ${kind} has no namespace`,
    )
  }
  const path = [entry.plural, ...(namespaced ? [String(namespace)] : []), name].join('/')
  const stored = entry.kind.endsWith('NetworkPolicy') ? withDefaults(document) : document
  const text = printJson(stored)
  if (text === null) return bad(place, 'record-invalid', 'cannot be written as JSON')
  const at = {...place, key: `/isthmus/v1/resources/projectcalico.org/${path}`}
  const key = {entry, path, name, namespace: namespaced ? String(namespace) : null}
  const decoded = decodeValue(at, 'isthmus', key, stored, text)
  return decoded.type === 'resource' ? {...decoded, document: text} : decoded
}

/** YAML can make what JSON cannot hold: aliases that turn in a circle. */
function printJson(value: unknown): string | null {
  try {
    return JSON.stringify(value)
  } catch {
    return null
  }
}

function withDefaults(document: Json): Json {
  const spec = isObject(document.spec) ? document.spec : {}
  const metadata = isObject(document.metadata) ? document.metadata : {}
  const tier = typeof spec.tier === 'string' && spec.tier !== '' ? spec.tier : 'default'
  const filled = (value: unknown): boolean => Array.isArray(value) && value.length > 0
  const directions = filled(spec.egress) ? (filled(spec.ingress) ? ['Ingress', 'Egress'] : ['Egress']) : ['Ingress']
  const labels = isObject(metadata.labels) ? metadata.labels : {}
  return {
    ...document,
    metadata: {...metadata, labels: {...labels, 'projectcalico.org/tier': tier}},
    spec: {...spec, tier, types: filled(spec.types) ? spec.types : directions},
  }
}
