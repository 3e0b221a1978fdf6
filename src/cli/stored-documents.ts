import type {DocumentKind, StoredRow} from '../documents/index.ts'
import {type CliContext, EXIT, type ExitStatus} from './context.ts'
import {openDocumentStore, storeFailure, tellFindings} from './document-store.ts'
import type {Format} from './output.ts'
import {type Column, formatTable} from './table.ts'

/** What `get` prints of stored documents. */
export interface StoredQuery {
  readonly kinds: readonly DocumentKind[]
  /** `NAME`, or `NAMESPACE/NAME`; null: all. */
  readonly name: string | null
  readonly config: string
  readonly datastore: string | undefined
  readonly output: Format
  /** Over `metadata.labels`; null: all. */
  readonly selector: string | null
}

/** The kinds that somebody typed for `get`: one of them, `policies` staged ones included, or all `documents`. */
export async function storedKinds(typed: string): Promise<readonly DocumentKind[]> {
  const {DOCUMENT_KINDS, documentKindTyped} = await import('../documents/index.ts')
  const word = typed.toLowerCase()
  if (word === 'documents') return DOCUMENT_KINDS
  if (word === 'policies' || word === 'policy') return DOCUMENT_KINDS.filter(({kind}) => kind.endsWith('NetworkPolicy'))
  const kind = documentKindTyped(typed)
  return kind ? [kind] : []
}

/** Documents as they are stored, so that what is printed as YAML or JSON can be applied again. */
export async function getStored(context: CliContext, query: StoredQuery): Promise<ExitStatus> {
  const {kinds, name, output} = query
  const isMeant = await labelTest(query.selector)
  if (typeof isMeant === 'string') {
    context.err(`${isMeant}\n`)
    return EXIT.usage
  }
  const opened = await openDocumentStore(query.config, query.datastore)
  if ('findings' in opened) {
    tellFindings(context, opened.findings)
    return opened.status
  }
  const {prefixesOf, storedRows} = await import('../documents/index.ts')
  const {store} = opened
  try {
    const {stored} = await store.read(prefixesOf(kinds))
    const rows = storedRows(stored, kinds).filter((row) => (name === null || fullName(row) === name) && isMeant(row))
    if (name !== null && rows.length === 0) {
      context.err(`no ${kinds.map(({plural}) => plural).join(' or ')} of the name ${name} is stored\n`)
      return EXIT.finding
    }
    for (const row of rows.filter(({document}) => document === null)) {
      context.err(`${row.kind.kind} ${fullName(row)}: what is stored is no JSON object\n`)
    }
    await printStored(context, output, rows, name !== null)
    return EXIT.fine
  } catch (error) {
    const {finding, status} = await storeFailure(error, store.datastore)
    tellFindings(context, [finding])
    return status
  } finally {
    store.close()
  }
}

/** A text instead: what is wrong with the selector. */
async function labelTest(selector: string | null): Promise<((row: StoredRow) => boolean) | string> {
  if (selector === null) return () => true
  const {evaluateSelector, parseSelector, selectorProblem} = await import('../selectors/index.ts')
  const parsed = parseSelector(selector)
  if (!parsed.ok) return selectorProblem(selector, parsed)
  return ({document}) => {
    const metadata: unknown = document?.metadata
    const labels: unknown = typeof metadata === 'object' && metadata !== null && 'labels' in metadata && metadata.labels
    const known: ReadonlyMap<string, unknown> = new Map(
      Object.entries(typeof labels === 'object' && labels ? labels : {}),
    )
    return evaluateSelector(parsed.ast, (label) => (known.has(label) ? String(known.get(label)) : undefined))
  }
}

const fullName = ({name, namespace}: StoredRow): string => (namespace === null ? name : `${namespace}/${name}`)

async function printStored(context: CliContext, output: Format, rows: readonly StoredRow[], isOne: boolean) {
  const documents = rows.flatMap(({document}) => document ?? [])
  if (output === 'yaml') {
    const {stringify} = await import('yaml')
    context.out(documents.map((document) => stringify(document, {lineWidth: 0})).join('---\n'))
  } else if (output === 'json') {
    const list = {apiVersion: 'projectcalico.org/v3', kind: 'List', items: documents}
    context.out(`${JSON.stringify(isOne && documents.length === 1 ? documents[0] : list, null, 2)}\n`)
  } else if (output === 'name') {
    for (const row of rows) context.out(`${row.kind.kind.toLowerCase()}/${fullName(row)}\n`)
  } else if (rows.length === 0) context.err('no documents\n')
  else context.out(formatTable(COLUMNS, rows, {wide: output === 'wide'}))
}

const COLUMNS: readonly Column<StoredRow>[] = [
  {title: 'KIND', value: ({kind}) => kind.kind},
  {title: 'NAME', value: fullName},
  {title: 'TIER', value: (row) => text(specOf(row).tier)},
  {title: 'ORDER', value: (row) => text(specOf(row).order), right: true},
  {title: 'TYPES', value: (row) => text(specOf(row).types), wide: true},
  {title: 'SELECTOR', value: (row) => text(specOf(row).selector), wide: true},
]

function specOf({document}: StoredRow): Readonly<Record<string, unknown>> {
  const spec = document?.spec
  return typeof spec === 'object' && spec !== null ? {...spec} : {}
}

/** Fields of other kinds are empty. */
const text = (value: unknown): string =>
  value === undefined ? '' : Array.isArray(value) ? value.map(String).join(',') : String(value)
