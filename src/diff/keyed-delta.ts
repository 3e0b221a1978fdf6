/** What separates two keyed collections. Keys keep the order of the collection that they come from. */
export interface KeyedDelta<K, W, H> {
  readonly create: readonly (readonly [K, W])[]
  readonly update: readonly (readonly [K, W, H])[]
  readonly delete: readonly (readonly [K, H])[]
}

/**
 * The one compare loop of the program: routes, links, sets, elements, export records all pass through it.
 * Costs one look-up for each key on either side.
 */
export function keyedDelta<K, W, H>(
  wanted: ReadonlyMap<K, W>,
  held: ReadonlyMap<K, H>,
  equal: (wanted: W, held: H) => boolean,
): KeyedDelta<K, W, H> {
  const create: [K, W][] = []
  const update: [K, W, H][] = []
  const gone: [K, H][] = []
  for (const [key, want] of wanted) {
    const have = held.get(key)
    if (have === undefined && !held.has(key)) create.push([key, want])
    else if (!equal(want, have as H)) update.push([key, want, have as H])
  }
  for (const [key, have] of held) if (!wanted.has(key)) gone.push([key, have])
  return {create, update, delete: gone}
}

export const keyBy = <K, T>(items: Iterable<T>, key: (item: T) => K): Map<K, T> => {
  const map = new Map<K, T>()
  for (const item of items) map.set(key(item), item)
  return map
}
