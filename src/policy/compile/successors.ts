import type {NftSet} from '../../model/index.ts'

/**
 * Sets that were made anew, as what comes after others of their names: one that holds the same is the one before it, of the
 * others it is said in which keys they differ. A set is then compared once, and not with each table it stands in.
 */
export const successors = (before: ReadonlyMap<string, NftSet>, fresh: readonly NftSet[]): NftSet[] =>
  fresh.map((set) => successor(before.get(set.name), set))

function successor(before: NftSet | undefined, fresh: NftSet): NftSet {
  if (!before || before === fresh) return fresh
  const [was, is] = [before.elements, fresh.elements]
  const keys: string[] = []
  let came = 0
  for (const [key, value] of is) {
    const old = was.get(key)
    if (old === value) continue
    keys.push(key)
    if (old === undefined) came++
  }
  if (is.size - came < was.size) for (const key of was.keys()) if (!is.has(key)) keys.push(key)
  if (keys.length === 0) return before
  return before.version ? {...fresh, version: {}, since: {version: before.version, keys}} : fresh
}
