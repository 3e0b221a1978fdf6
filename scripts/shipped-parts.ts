// What the package carries of others: the libraries in the bundles, the native addons, the Node runtime.
import {createHash} from 'node:crypto'
import {existsSync, readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'

export interface ShippedPart {
  readonly name: string
  readonly version: string
  /** SPDX, an identifier or an expression. */
  readonly licence: string | null
  /** Its own words. */
  readonly text: string | null
  readonly author: string | undefined
}

/** Beside the bundles: addons that are loaded as files, and the runtime itself. */
const alsoShipped = (): string[] => [
  `node_modules/@koromix/koffi-linux-${process.arch}`,
  `node_modules/node-linux-${process.arch}`,
]

const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i

/** One entry a library; `npm run build` has written which ones the bundles hold. */
export function shippedParts(root: string): ShippedPart[] {
  const bundled: string[] = JSON.parse(readFileSync(path.join(root, 'dist/libraries.json'), 'utf8'))
  const parts = [...bundled, ...alsoShipped()].map((folder) => partIn(root, folder))
  const byName = new Map(parts.map((part) => [`${part.name}@${part.version}`, part]))
  return [...byName.values()].sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1))
}

function partIn(root: string, folder: string): ShippedPart {
  const place = path.join(root, folder)
  const {name, version, license, author} = JSON.parse(readFileSync(path.join(place, 'package.json'), 'utf8'))
  const licence = typeof license === 'string' ? license : license?.type
  if (!name || !version) throw new Error(`${folder}/package.json has no name or version`)
  const file = readdirSync(place)
    .filter((entry) => LICENCE_FILE.test(entry))
    .sort()[0]
  const text = file ? readFileSync(path.join(place, file), 'utf8') : null
  // What has no licence may not be given to others.
  if (!licence && !text) throw new Error(`${name} ${version} names no licence: it may not be shipped`)
  return {name, version, licence: licence ?? null, text, author: typeof author === 'string' ? author : author?.name}
}

/** CycloneDX 1.5; equal parts, equal text. */
export function sbomOf(
  parts: readonly ShippedPart[],
  {
    version,
    architecture,
    timestamp,
  }: {readonly version: string; readonly architecture: string; readonly timestamp: string},
) {
  const purlOf = ({name, version: of}: ShippedPart): string => `pkg:npm/${name.replace('@', '%40')}@${of}`
  const components = parts.map((part) => ({
    type: part.name.startsWith('node-linux-') ? 'platform' : 'library',
    'bom-ref': purlOf(part),
    name: part.name,
    version: part.version,
    ...(part.licence ? {licenses: [licenceOf(part.licence)]} : {}),
    purl: purlOf(part),
  }))
  const own = `pkg:deb/isthmus@${version}?arch=${architecture}`
  const digest = createHash('sha256')
    .update(JSON.stringify([own, components]))
    .digest('hex')
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${uuidOf(digest)}`,
    version: 1,
    metadata: {
      timestamp,
      component: {
        type: 'application',
        'bom-ref': own,
        name: 'isthmus',
        version,
        licenses: [{license: {id: 'Apache-2.0'}}],
        purl: own,
      },
    },
    components,
    dependencies: [{ref: own, dependsOn: components.map((component) => component['bom-ref'])}],
  }
}

const licenceOf = (text: string): {license: {id: string}} | {expression: string} =>
  /^[A-Za-z0-9.+-]+$/.test(text) ? {license: {id: text}} : {expression: text}

/** Version 8 of RFC 9562: bits of our own choosing. */
function uuidOf(digest: string): string {
  const [a, b, c, d, e] = [
    [0, 8],
    [8, 12],
    [13, 16],
    [17, 20],
    [20, 32],
  ].map(([from, to]) => digest.slice(from, to))
  return `${a}-${b}-8${c}-8${d}-${e}`
}

/** Debian's copyright file: our licence, then each part with its own words. */
export function copyrightText(root: string, parts: readonly ShippedPart[]): string {
  const own = existsSync('/usr/share/common-licenses/Apache-2.0')
    ? ' On Debian: /usr/share/common-licenses/Apache-2.0.'
    : ''
  const paragraphs = parts.map(
    ({name, version, licence, text, author}) =>
      `${'='.repeat(78)}\n${name} ${version}${licence ? `, ${licence}` : ''}${author ? `, by ${author}` : ''}\n\n` +
      `${text?.trimEnd() ?? 'It comes without a text of its licence.'}\n`,
  )
  return [
    `Isthmus is under the Apache License 2.0.${own}\n\n${readFileSync(path.join(root, 'LICENSE'), 'utf8')}\n`,
    'In /usr/lib/isthmus are these parts of others, each under the licence that follows it:\n',
    ...paragraphs,
  ].join('\n')
}
