/** Names in a PromQL expression that are of metrics or of recordings, those of a histogram's parts without their ending. */
export function metricsIn(expr: string): string[] {
  const bare = expr.replace(/\{[^}]*\}|"[^"]*"/g, '').replace(/\b(by|on|ignoring|without)\s*\([^)]*\)/g, '')
  const names = bare.match(/\b(?:isthmus|process)[_:][a-z0-9_:]+/g) ?? []
  return names.map((name) => name.replace(/_(bucket|sum|count)$/, ''))
}

/** Every metric that docs/reference/metrics.md has a row for. */
export function metricsOfReference(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^\| `((?:isthmus|process)_\w+)` +\|/gm)].map(([, name]) => name!))
}
