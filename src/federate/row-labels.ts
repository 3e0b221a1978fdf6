import type {SourceId} from '../model/index.ts'
import type {Dependencies} from './dependencies.ts'
import type {EndpointRows, RowGroup} from './endpoint-rows.ts'
import type {Dependency, Labelled, Lookup} from './holding.ts'
import type {LabelStore} from './label-store.ts'

/** What the group's endpoints have; looked up once for many of them. */
export function labelledOf(group: RowGroup, labels: LabelStore): Labelled | undefined {
  const {revision} = labels
  if (group.looked?.revision !== revision) {
    group.looked = {revision, labelled: labels.attributes(group.source, group.attributes)}
  }
  return group.looked.labelled
}

/** The rows whose group's labels are others than they were admitted under, or that waited for some. */
export function* rowsOfMoved(rows: EndpointRows, source: SourceId, lookup: Lookup): Generator<number> {
  const moved = new Set<RowGroup>()
  for (const group of rows.groups()) {
    if (group.source !== source) continue
    // Rows that were refused have no label to compare, and are refused no longer when it goes.
    const isOther = (group.labelled ?? undefined) !== lookup.attributes(group.attributes)
    if (isOther || group.admitted < group.rows) moved.add(group)
  }
  if (moved.size === 0) return
  for (const row of rows.of(source)) if (moved.has(rows.groupOf(row))) yield row
}

type IsThere = (source: SourceId, dependency: Dependency) => boolean
type Missing = ReturnType<Dependencies['missing']> extends Generator<infer T> ? T : never

/** What records, rows among them, name and that does not exist. */
export function missingDependencies(
  dependencies: Dependencies,
  rows: EndpointRows,
  isThere: IsThere,
): Iterable<Missing> {
  const found = new Map([...dependencies.missing(isThere)].map((one) => [`${one.source} ${one.dependency}`, one]))
  const waiting = new Set<RowGroup>()
  for (const group of rows.groups()) if (!isThere(group.source, `attributes:${group.attributes}`)) waiting.add(group)
  if (waiting.size === 0) return found.values()
  for (const row of rows.all()) {
    const group = rows.groupOf(row)
    if (!waiting.has(group)) continue
    // Endpoints of two datastores of a site, and those that are no rows, may name the same set.
    const {source} = group
    const dependency: Dependency = `attributes:${group.attributes}`
    const [key, other] = [rows.keyOf(row), found.get(`${source} ${dependency}`)]
    const first = other && other.first < key ? other.first : key
    found.set(`${source} ${dependency}`, {source, dependency, users: (other?.users ?? 0) + 1, first})
  }
  return found.values()
}
