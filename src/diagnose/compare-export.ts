import type {Difference} from './difference.ts'

export interface ExportReport {
  readonly differences: readonly Difference[]
  /** Records of datastores that the configuration does not name: they stay for a time (`removeAfterSeconds`), or are the twin's. */
  readonly waiting: number
}

const ROOT = '/isthmus/v1/export/'
const ATTRIBUTES = `${ROOT}attributes/`
const COMPARED = /^\/isthmus\/v1\/export\/(?:attributes|endpoints|resources)\//

/** What a site publishes of its endpoints and policies against what all etcds make of it; texts by key. */
export function compareExport(
  published: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  datastores: readonly string[],
): ExportReport {
  const isNobodys = (key: string): boolean => {
    const [sort, datastore = ''] = key.slice(ROOT.length).split('/', 2)
    return sort === 'endpoints' && !datastores.includes(datastore)
  }
  const left = [...published.keys()].filter((key) => isNobodys(key) && !wanted.has(key))
  // A set stays as long as its members do.
  const sets = left.map((key) => ATTRIBUTES + key.slice(key.lastIndexOf('/') + 1))
  const waiting = new Set([...left, ...sets].filter((key) => published.has(key) && !wanted.has(key)))
  const differences: Difference[] = []
  for (const key of new Set([...published.keys(), ...wanted.keys()])) {
    const [has, should] = [published.get(key), wanted.get(key)]
    if (!COMPARED.test(key) || has === should || waiting.has(key)) continue
    const words = (value: string | undefined): string => value?.slice(0, 200) ?? 'not there'
    differences.push({where: `own export ${key}`, kernel: `published: ${words(has)}`, wanted: words(should)})
  }
  return {differences, waiting: waiting.size}
}
