import type {Finding} from '../model/index.ts'
import {type Path, type Position, printPath, readYamlStream, type YamlDocument} from '../yaml/index.ts'
import {type Issue, isObject} from './shape.ts'

/** A text and where it was found; `-` is standard input. */
export interface SourceText {
  readonly file: string
  readonly text: string
}

/** One document of a text, or one item of a list in it. */
export interface ReadDocument {
  readonly file: string
  readonly value: unknown
  readonly start: Position
  at(path: Path): Position
}

/** Every document of the texts, lists taken apart (`kubectl` and `calicoctl get` print them), with what is no YAML. */
export function readDocuments(texts: readonly SourceText[]): {documents: ReadDocument[]; findings: Finding[]} {
  const documents: ReadDocument[] = []
  const findings: Finding[] = []
  for (const {file, text} of texts) {
    for (const yaml of readYamlStream(text)) {
      for (const {message, line, column} of yaml.faults) {
        const where = {source: `file ${file}`, line, column}
        // `selector: !has(a)` is the trap: a YAML tag without a value, which others read as an empty selector.
        const remedy = /tag/i.test(message) ? {remedy: 'a value that begins with ! must stand in quotes'} : {}
        findings.push({code: 'document-syntax', severity: 'error', where, detail: `not YAML: ${message}`, ...remedy})
      }
      if (yaml.faults.length === 0) documents.push(...itemsOf(file, yaml))
    }
  }
  return {documents, findings}
}

function itemsOf(file: string, yaml: YamlDocument): ReadDocument[] {
  const {value} = yaml
  const isList = isObject(value) && typeof value.kind === 'string' && value.kind.endsWith('List')
  if (!isList || !Array.isArray(value.items)) {
    return [{file, value, start: yaml.start, at: (path) => yaml.at(path)}]
  }
  return value.items.map((item: unknown, index): ReadDocument => {
    const base: Path = ['items', index]
    return {file, value: item, start: yaml.at(base), at: (path) => yaml.at([...base, ...path])}
  })
}

/** `GlobalNetworkPolicy web`, as findings and answers name a document. */
export const titleOf = (kind: string, name: string, namespace: string | null): string =>
  `${kind} ${namespace === null ? '' : `${namespace}/`}${name}`

export function issueFinding(document: ReadDocument, title: string | null, issue: Issue): Finding {
  const {path, code, severity, detail, remedy} = issue
  return {
    code,
    severity,
    where: {
      source: `file ${document.file}`,
      ...(title === null ? {} : {key: title}),
      ...(path.length === 0 ? {} : {field: printPath(path)}),
      ...document.at(path),
    },
    detail,
    ...(remedy === undefined ? {} : {remedy}),
  }
}
