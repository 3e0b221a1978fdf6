export const PAGES = [
  'overview',
  'alerts',
  'changes',
  'sites',
  'tunnels',
  'peers',
  'datastores',
  'endpoints',
  'policy',
  'trace',
  'what-if',
  'runbooks',
] as const

export type PageName = (typeof PAGES)[number]

/** What stands behind the `#`: a page, the name of one thing on it, and what was chosen there. */
export interface Route {
  readonly page: PageName
  readonly name: string | null
  readonly query: URLSearchParams
}

/** What is not understood leads to the overview: an address that was cut off must not be an error. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [page, ...name] = path.split('/')
  const known = PAGES.find((one) => one === page)
  if (!known) return {page: 'overview', name: null, query: new URLSearchParams()}
  const decoded = decodedName(name.join('/'))
  return {page: known, name: decoded === '' ? null : decoded, query: new URLSearchParams(search)}
}

export function hrefOf(
  page: PageName,
  name: string | null = null,
  query: Readonly<Record<string, string>> = {},
): string {
  const search = new URLSearchParams(query).toString()
  return `#/${page}${name === null ? '' : `/${encodeURIComponent(name)}`}${search === '' ? '' : `?${search}`}`
}

function decodedName(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
