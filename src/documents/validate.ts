import {decodeDocument} from '../decode/index.ts'
import type {Finding, Resource} from '../model/index.ts'
import {policyFindings} from '../policy/index.ts'
import type {Position} from '../yaml/index.ts'
import {bodyOf} from './body.ts'
import {DOCUMENT_KINDS, type DocumentKind, documentKind, keyOf} from './kinds.ts'
import {issueFinding, type ReadDocument, readDocuments, type SourceText, titleOf} from './read.ts'
import {type Issue, isObject, type Json, show} from './shape.ts'

/** A document that may be stored. */
export interface ValidDocument extends Position {
  readonly kind: DocumentKind
  readonly name: string
  readonly namespace: string | null
  readonly key: string
  readonly file: string
  readonly body: Json
  readonly resource: Resource
  /** The revision that its writer had read, where the document names one. */
  readonly resourceVersion: string | null
  /** A finding on one place of it. */
  finding(issue: Issue): Finding
}

export interface Validated {
  /** Only those without an error; in the order given. */
  readonly documents: readonly ValidDocument[]
  /** Of all that could be named, also those with errors: a policy is not to blame for a mistake in its tier. */
  readonly keys: ReadonlySet<string>
  /** Errors refuse all; warnings say what a gateway cannot mean, and what is probably not meant. */
  readonly findings: readonly Finding[]
}

/**
 * Judges documents before they are stored, as strictly as calicoctl: all that is wrong at once, each with file, line,
 * field, and what would be right.
 *
 * Whether a tier exists is not asked here: that needs the store (`planApply`). What passes is decoded by the same
 * decoder that gateways read with, and compiled once, so that nothing can be stored here that they then refuse.
 */
export function validateDocuments(texts: readonly SourceText[]): Validated {
  const {documents: read, findings} = readDocuments(texts)
  const documents: ValidDocument[] = []
  const firstOf = new Map<string, ReadDocument>()
  const keys = new Set<string>()
  for (const document of read) {
    const named = nameDocument(document)
    findings.push(...named.findings)
    if (!named.identity) continue
    const {kind, name, namespace} = named.identity
    const title = titleOf(kind.kind, name, namespace)
    keys.add(keyOf(kind, name, namespace))
    const first = firstOf.get(title)
    if (first) {
      const detail = `${title} is given a second time; first in ${first.file}, line ${first.start.line}`
      findings.push(
        issueFinding(document, title, {
          path: [],
          code: 'document-duplicate',
          severity: 'error',
          detail,
          remedy: 'keep one',
        }),
      )
    } else firstOf.set(title, document)
    const judged = judge(document, kind, title)
    findings.push(...judged.findings)
    if (judged.document && !first) documents.push(judged.document)
  }
  return {documents, keys, findings}
}

interface Identity {
  readonly kind: DocumentKind
  readonly name: string
  readonly namespace: string | null
}

/** Enough of a document to know which stored one it means; `isthmus delete` needs no more of it. */
export function nameDocument(document: ReadDocument): {identity: Identity | null; findings: Finding[]} {
  const fail = (issue: Omit<Issue, 'severity'>) => ({
    identity: null,
    findings: [issueFinding(document, null, {...issue, severity: 'error'})],
  })
  const {value} = document
  if (!isObject(value)) {
    const detail = `${show(value)} is no document`
    return fail({path: [], code: 'document-invalid', detail, remedy: 'it needs apiVersion, kind, metadata and spec'})
  }
  const kind = typeof value.kind === 'string' ? documentKind(value.kind) : undefined
  if (!kind) {
    const known = DOCUMENT_KINDS.map((entry) => entry.kind)
    const near = known.find((word) => word.toLowerCase() === String(value.kind).toLowerCase())
    const detail =
      value.kind === undefined || value.kind === null ? 'no kind' : `kind ${show(value.kind)} is not stored here`
    const remedy = near ? `write ${near}` : `one of ${known.join(', ')}`
    return fail({path: ['kind'], code: 'document-unknown-kind', detail, remedy})
  }
  const metadata = isObject(value.metadata) ? value.metadata : {}
  const {name, namespace} = metadata
  const isNamed = typeof name === 'string' && name !== '' && !name.includes('/')
  const isPlaced =
    kind.scope === 'cluster' || (typeof namespace === 'string' && namespace !== '' && !namespace.includes('/'))
  if (isNamed && isPlaced) {
    return {identity: {kind, name, namespace: kind.scope === 'cluster' ? null : String(namespace)}, findings: []}
  }
  const issues: Issue[] = []
  kind.shape(value, [], issues)
  return {identity: null, findings: issues.map((issue) => issueFinding(document, kind.kind, issue))}
}

function judge(
  document: ReadDocument,
  kind: DocumentKind,
  title: string,
): {document: ValidDocument | null; findings: Finding[]} {
  const issues: Issue[] = []
  kind.shape(document.value, [], issues)
  const finding = (issue: Issue): Finding => issueFinding(document, title, issue)
  const told = (): Finding[] => issues.map(finding).sort(byPlace)
  if (issues.some(({severity}) => severity === 'error') || !isObject(document.value)) {
    return {document: null, findings: told()}
  }
  const decoded = decodeDocument(withoutCopy(document.value), `file ${document.file}`)
  issues.push(...decoded.findings.map(toIssue))
  if (decoded.type !== 'resource' || decoded.document === null) return {document: null, findings: told()}
  issues.push(...meaningOf(decoded.resource))
  const findings = told()
  if (issues.some(({severity}) => severity === 'error')) return {document: null, findings}
  const stored: unknown = JSON.parse(decoded.document)
  const metadata = isObject(document.value.metadata) ? document.value.metadata : {}
  const {name, namespace} = metadata
  return {
    document: {
      kind,
      name: String(name),
      namespace: kind.scope === 'cluster' ? null : String(namespace),
      key: decoded.key,
      file: document.file,
      ...document.start,
      body: bodyOf(isObject(stored) ? stored : {}),
      resource: decoded.resource,
      resourceVersion: typeof metadata.resourceVersion === 'string' ? metadata.resourceVersion || null : null,
      finding,
    },
    findings,
  }
}

const byPlace = ({where: a}: Finding, {where: b}: Finding): number =>
  (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)

/** The hidden annotation would give the resource another name than its key. */
const withoutCopy = (value: Json): Json => ({...value, ...bodyOf(value)})

/** What the compiler says of it: what a gateway cannot mean, by name. Staged policies are asked as if in force. */
function meaningOf(resource: Resource): Issue[] {
  if (resource.kind !== 'GlobalNetworkPolicy' && resource.kind !== 'StagedGlobalNetworkPolicy') return []
  return policyFindings({...resource, kind: 'GlobalNetworkPolicy'})
    .map(toIssue)
    .map((issue) => ({
      ...issue,
      path: ['spec', ...issue.path],
    }))
}

function toIssue({code, severity, where, detail, remedy}: Finding): Issue {
  return {
    path: parsePath(where.field ?? ''),
    code,
    severity: severity === 'error' ? 'error' : 'warning',
    detail,
    ...(remedy === undefined ? {} : {remedy}),
  }
}

/** `spec.ingress[0].http` as a path; names of fields have no dots. */
function parsePath(field: string): (string | number)[] {
  return [...field.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) =>
    index === undefined ? name! : Number(index),
  )
}
