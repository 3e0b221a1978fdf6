import {stringify} from 'yaml'
import {type Stored, type Validated, validateDocuments} from '../../src/documents/index.ts'

export const apiVersion = 'projectcalico.org/v3'

/** A document as a test writes it. */
export const document = (kind: string, name: string, spec: object, metadata: object = {}) => ({
  apiVersion,
  kind,
  metadata: {name, ...metadata},
  spec,
})

export const gnp = (name: string, spec: object) => document('GlobalNetworkPolicy', name, spec)
export const tier = (name: string, spec: object = {}) => document('Tier', name, spec)

export const yamlOf = (...documents: readonly unknown[]): string =>
  documents.map((one) => stringify(one, {aliasDuplicateObjects: false})).join('---\n')

export const validate = (...documents: readonly unknown[]): Validated =>
  validateDocuments([{file: 'f.yaml', text: yamlOf(...documents)}])

/** Every finding as `severity field: detail; remedy`. */
export const told = ({findings}: Pick<Validated, 'findings'>): string[] =>
  findings.map(
    ({severity, where, detail, remedy}) => `${severity} ${where.field ?? ''}: ${detail}${remedy ? `; ${remedy}` : ''}`,
  )

/** What a datastore would hold, at revision 5. */
export const storedOf = (...entries: readonly (readonly [key: string, text: string])[]): Stored =>
  new Map(entries.map(([key, text]) => [key, {key, text, modRevision: 5}]))

export const identities = (count: number) =>
  Array.from({length: count}, (_, index) => ({uid: `uid-${index}`, creationTimestamp: '2026-01-02T03:04:05Z'}))
