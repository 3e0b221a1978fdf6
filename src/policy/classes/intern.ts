/** Gives equal texts one small number, in the order of first sight. */
export interface Interner<T> {
  readonly items: T[]
  readonly idOf: (key: string, make: () => T) => number
}

export function interner<T>(): Interner<T> {
  const ids = new Map<string, number>()
  const items: T[] = []
  return {
    items,
    idOf: (key, make) => {
      const known = ids.get(key)
      if (known !== undefined) return known
      ids.set(key, items.length)
      items.push(make())
      return items.length - 1
    },
  }
}

/** Appends to the list of a key. */
export function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}
