import {parseSiteName, type RemoteSite, type SiteName} from '../model/index.ts'
import {type Prefix, parsePrefix} from '../net/index.ts'

/** What one site tells another so that it can be joined; `site.json` of a bundle. The certificates lie beside it. */
export interface Manifest {
  /** Who made it, and whom it was made for. */
  readonly site: SiteName
  readonly for: SiteName
  readonly owns: readonly Prefix[]
  readonly interconnect: readonly Prefix[]
  /** Where the export is read. */
  readonly endpoints: readonly string[]
}

const VERSION = 1

export const printManifest = (manifest: Manifest): string =>
  `${JSON.stringify({version: VERSION, ...manifest}, null, 2)}\n`

/** Reads a manifest, or says what is wrong with it. It comes from another site, and is believed nothing that is not checked. */
export function parseManifest(text: string): Manifest | {readonly fault: string} {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return {fault: `not JSON: ${error instanceof Error ? error.message : String(error)}`}
  }
  if (typeof value !== 'object' || value === null) return {fault: 'not an object'}
  const fields: Readonly<Record<string, unknown>> = {...value}
  if (fields.version !== VERSION)
    return {fault: `version: ${JSON.stringify(fields.version)}, this one reads ${VERSION}`}
  const site = typeof fields.site === 'string' ? parseSiteName(fields.site) : null
  if (site === null) return {fault: 'site: no site name'}
  const whom = typeof fields.for === 'string' ? parseSiteName(fields.for) : null
  if (whom === null) return {fault: 'for: no site name'}
  const owns = listOf(fields.owns, parsePrefix)
  if (!owns || owns.length === 0) return {fault: 'owns: no list of prefixes'}
  const interconnect = listOf(fields.interconnect, parsePrefix)
  if (!interconnect) return {fault: 'interconnect: no list of prefixes'}
  const endpoints = listOf(fields.endpoints, (text) => (HTTPS.test(text) ? text : null))
  if (!endpoints || endpoints.length === 0) return {fault: 'endpoints: no list of https://HOST:PORT'}
  return {site, for: whom, owns, interconnect, endpoints}
}

const HTTPS = /^https:\/\/(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/
const MAX_ITEMS = 1000

function listOf<T>(value: unknown, parse: (text: string) => T | null): T[] | null {
  if (!Array.isArray(value) || value.length > MAX_ITEMS) return null
  const items: T[] = []
  for (const item of value) {
    const parsed = typeof item === 'string' ? parse(item) : null
    if (parsed === null) return null
    items.push(parsed)
  }
  return items
}

/** What goes below `sites:` in gateway.yaml; every value has been parsed, so that none needs quotes but IPv6. */
export function bundleSnippet(
  {site, owns, endpoints}: Pick<Manifest, 'site' | 'owns' | 'endpoints'>,
  files: {readonly ca: string; readonly cert: string; readonly key: string},
  encapsulation: RemoteSite['encapsulation'],
): string {
  const list = (items: readonly string[]): string => `[${items.map((item) => JSON.stringify(item)).join(', ')}]`
  return [
    'sites:',
    `  ${site}:`,
    `    owns: ${list(owns)}`,
    `    endpoints: ${list(endpoints)}`,
    `    tls: {ca: ${JSON.stringify(files.ca)}, cert: ${JSON.stringify(files.cert)}, key: ${JSON.stringify(files.key)}}`,
    `    encapsulation: ${encapsulation}`,
    '',
  ].join('\n')
}
