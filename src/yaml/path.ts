/** A place in a value, as keys and indices from the top. */
export type Path = readonly PropertyKey[]

/** Both from 1, as editors count. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** `sites.b.owns[0]`, as people write it. */
export function printPath(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('')
}
