import type {Finding} from '../model/index.ts'
import {bodyUnder, canonicalText, type Identity, identityOf, storedText} from './body.ts'
import {DOCUMENT_KINDS, DOCUMENTS_ROOT, type DocumentKind, keyOf} from './kinds.ts'
import {BUILT_IN_TIERS} from './policy-kinds.ts'
import {titleOf} from './read.ts'
import {isObject, type Json} from './shape.ts'
import type {Validated, ValidDocument} from './validate.ts'

/** A stored document as it was read. */
export interface StoredDocument {
  readonly key: string
  readonly text: string
  readonly modRevision: number
}

/** What is stored, by key; whole for each kind that the plan has to do with, and for tiers. */
export type Stored = ReadonlyMap<string, StoredDocument>

export interface Change {
  readonly key: string
  readonly rank: DocumentKind['rank']
  /** null: the key goes. */
  readonly text: string | null
  /** The revision that the key must still have; 0: it must not be there. */
  readonly modRevision: number
  /** Keys that must still be there when this is written: the tier of a policy. */
  readonly needs: readonly string[]
}

export type Result = 'created' | 'configured' | 'unchanged' | 'deleted'

export interface Answer {
  readonly kind: string
  readonly name: string
  readonly namespace: string | null
  readonly key: string
  readonly result: Result
}

export interface DocumentPlan {
  /** One for each document, in the order given. */
  readonly answers: readonly Answer[]
  /** Nothing of it may be done where `findings` holds an error. */
  readonly changes: readonly Change[]
  readonly findings: readonly Finding[]
}

/** Prefixes to read for plans that have to do with these kinds. */
export function prefixesOf(kinds: Iterable<DocumentKind>): string[] {
  const plurals = new Set(['tiers', ...[...kinds].map(({plural}) => plural)])
  return [...plurals].sort().map((plural) => `${DOCUMENTS_ROOT}${plural}/`)
}

/** The kinds that a deletion has to do with: a tier goes only where no policy is in it. */
export const kindsToDelete = (kinds: readonly DocumentKind[]): readonly DocumentKind[] =>
  kinds.some(({kind}) => kind === 'Tier') ? [...kinds, ...POLICY_KINDS] : kinds

export const POLICY_KINDS = DOCUMENT_KINDS.filter(({kind}) => kind.endsWith('NetworkPolicy'))
const TIERS = `${DOCUMENTS_ROOT}tiers/`

/**
 * What has to be written so that the documents are stored. A document replaces the stored one whole, but for uid and
 * time of creation; one that says the same as the stored one is not written. `identities` has one for each document, for
 * those that are new. A policy whose tier is neither stored nor among the documents is an error.
 */
export function planApply(
  {documents, keys}: Pick<Validated, 'documents' | 'keys'>,
  stored: Stored,
  identities: readonly Identity[],
): DocumentPlan {
  const findings: Finding[] = []
  const changes: Change[] = []
  const answers = documents.map((document, index): Answer => {
    const needs = tierOf(document, keys, stored, findings)
    const before = stored.get(document.key)
    const value = before && parseStored(before.text)
    const {key, name, namespace, kind} = document
    const isSame =
      value && canonicalText(bodyUnder({kind: kind.kind, name, namespace}, value)) === canonicalText(document.body)
    const result: Result = !before ? 'created' : isSame ? 'unchanged' : 'configured'
    if (result !== 'unchanged') {
      checkRevision(document, before, findings)
      const identity = (value && identityOf(value)) ?? identities[index]!
      const text = storedText(document.body, identity)
      checkSize(document, text, findings)
      changes.push({key, rank: kind.rank, text, modRevision: before?.modRevision ?? 0, needs})
    }
    return {kind: kind.kind, name, namespace, key, result}
  })
  return {answers, changes: changes.sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1)), findings}
}

/** What somebody wants gone, and where he said so. */
export interface Unwanted {
  readonly kind: DocumentKind
  readonly name: string
  readonly namespace: string | null
  readonly where: Finding['where']
}

/** What has to be deleted. What is not there is an error unless `mayBeMissing`; a tier with policies in it stays. */
export function planDelete(unwanted: readonly Unwanted[], stored: Stored, mayBeMissing: boolean): DocumentPlan {
  const findings: Finding[] = []
  const changes: Change[] = []
  const answers: Answer[] = []
  const going = new Set(unwanted.map(({kind, name, namespace}) => keyOf(kind, name, namespace)))
  for (const {kind, name, namespace, where} of unwanted) {
    const key = keyOf(kind, name, namespace)
    const title = titleOf(kind.kind, name, namespace)
    const before = stored.get(key)
    if (!before) {
      if (!mayBeMissing) {
        const detail = `${title} is not stored`
        findings.push({code: 'document-missing', severity: 'error', where: {...where, key: title}, detail})
      }
      continue
    }
    if (changes.some((change) => change.key === key)) continue
    if (kind.kind === 'Tier' && !Object.hasOwn(BUILT_IN_TIERS, name)) {
      const users = policiesIn(name, stored).filter((user) => !going.has(user.key))
      if (users.length > 0) findings.push(tierInUse(name, users, {...where, key: title}))
    }
    changes.push({key, rank: kind.rank, text: null, modRevision: before.modRevision, needs: []})
    answers.push({kind: kind.kind, name, namespace, key, result: 'deleted'})
  }
  return {answers, changes: changes.sort((a, b) => b.rank - a.rank || (a.key < b.key ? -1 : 1)), findings}
}

/** The stored text as a mapping; null where it is none, which a later `apply` then replaces. */
export function parseStored(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** The key that must stay while the policy is written; none where its tier comes with it or needs no storing. */
function tierOf(document: ValidDocument, given: ReadonlySet<string>, stored: Stored, findings: Finding[]): string[] {
  const {resource} = document
  if (!('tier' in resource)) return []
  const key = `${TIERS}${resource.tier}`
  if (given.has(key) || Object.hasOwn(BUILT_IN_TIERS, resource.tier)) return []
  if (stored.has(key)) return [key]
  const known = [
    ...Object.keys(BUILT_IN_TIERS),
    ...[...stored.keys(), ...given].filter((one) => one.startsWith(TIERS)).map((one) => one.slice(TIERS.length)),
  ]
  findings.push(
    document.finding({
      path: ['spec', 'tier'],
      code: 'tier-unknown',
      severity: 'error',
      detail: `tier ${resource.tier} is neither stored nor among these documents`,
      remedy: `add its Tier; there is ${[...new Set(known)].sort().join(', ')}`,
    }),
  )
  return []
}

function checkRevision(document: ValidDocument, before: StoredDocument | undefined, findings: Finding[]): void {
  const {resourceVersion} = document
  if (resourceVersion === null || resourceVersion === String(before?.modRevision ?? 0)) return
  const now = before ? `it is at ${before.modRevision} now` : 'it is not there any more'
  findings.push(
    document.finding({
      path: ['metadata', 'resourceVersion'],
      code: 'document-conflict',
      severity: 'error',
      detail: `the document was read at revision ${resourceVersion}, and ${now}`,
      remedy: 'read it again, or take resourceVersion out to write it all the same',
    }),
  )
}

/** etcd takes requests of 1.5 MiB; the rest is for the key, the comparison and the frame. */
const MAX_BYTES = 1_400_000

function checkSize(document: ValidDocument, text: string, findings: Finding[]): void {
  const bytes = Buffer.byteLength(text)
  if (bytes <= MAX_BYTES) return
  findings.push(
    document.finding({
      path: [],
      code: 'document-too-large',
      severity: 'error',
      detail: `${bytes} bytes, and etcd takes ${MAX_BYTES}`,
      remedy: 'split it into several with the same labels',
    }),
  )
}

function policiesIn(tier: string, stored: Stored): StoredDocument[] {
  const prefixes = POLICY_KINDS.map(({plural}) => `${DOCUMENTS_ROOT}${plural}/`)
  return [...stored.values()].filter(({key, text}) => {
    if (!prefixes.some((prefix) => key.startsWith(prefix))) return false
    const spec = parseStored(text)?.spec
    return isObject(spec) && spec.tier === tier
  })
}

function tierInUse(tier: string, users: readonly StoredDocument[], where: Finding['where']): Finding {
  const names = users.slice(0, 3).map(({key}) => key.slice(DOCUMENTS_ROOT.length))
  const more = users.length > names.length ? ` and ${users.length - names.length} more` : ''
  const detail = `tier ${tier} still holds ${names.join(', ')}${more}`
  return {code: 'tier-in-use', severity: 'error', where, detail, remedy: 'delete them before it, or with it'}
}
