import type {Decoded, DecodedResource, Finding, Resource, Root} from '../model/index.ts'
import {Fields, type Problem, show} from './fields.ts'
import {parseJson} from './json.ts'
import {type KindEntry, kindOfPlural} from './kinds.ts'
import type {KeyName} from './meta.ts'
import {bad, finished, ignored, type Place} from './outcome.ts'
import {standInFor} from './stand-in.ts'

export interface ResourceKey extends KeyName {
  readonly entry: KindEntry
  readonly path: string
}

/** Segments after `projectcalico.org/`: plural, then namespace where the kind has one, then name. */
export function parseResourceKey(segments: readonly string[]): ResourceKey | 'unknown-kind' | null {
  const [plural = '', ...rest] = segments.map(unescapeSegment)
  const entry = kindOfPlural(plural)
  if (!entry) return 'unknown-kind'
  const [namespace, name] = entry.scope === 'cluster' ? [null, rest[0]] : [rest[0], rest[1]]
  if (rest.length !== (entry.scope === 'cluster' ? 1 : 2) || !name || namespace === '') return null
  return {entry, name, namespace: namespace ?? null, path: [plural, ...rest].join('/')}
}

/** Calico's readers undo these two and nothing else (model/name.go). */
function unescapeSegment(segment: string): string {
  return segment.includes('%') ? segment.replaceAll('%2f', '/').replaceAll('%25', '%') : segment
}

/** One v3 resource from either tree, by the segments of its key; `text` null: the value is not UTF-8. */
export function decodeResource(at: Place, root: Root, segments: readonly string[], text: string | null): Decoded {
  const key = parseResourceKey(segments)
  const place = key === null || key === 'unknown-kind' ? at : {...at, kind: key.entry.kind}
  if (key === 'unknown-kind' || (key?.entry.own && root === 'calico')) {
    return bad(place, 'record-unknown-kind', `unknown kind ${show(segments[0])}`, 'warning')
  }
  if (key === null) return bad(place, 'record-name-mismatch', 'not the key of a resource of this kind')
  if (key.entry.decode === null) return ignored(place, key.entry.kind)
  const parsed = text === null ? {ok: false as const, detail: 'not UTF-8'} : parseJson(text)
  if (parsed.ok) return decodeValue(place, root, key, parsed.value, text ?? '')
  const refused = bad(place, 'record-not-json', parsed.detail)
  const resource = standInFor(root, key, null, [])
  return resource ? {...refused, standIn: resourceRecord(place, root, key, resource, text ?? '', [])} : refused
}

/** A parsed value under a parsed key. */
export function decodeValue(at: Place, root: Root, key: ResourceKey, value: unknown, text: string): Decoded {
  const place = {...at, kind: key.entry.kind}
  const problems: Problem[] = []
  const top = new Fields(value, '', problems)
  if (value === null) top.fail('', 'not an object')
  const resource = resourceOf(key, top)
  return finished<Decoded>(
    place,
    problems,
    // A decoder that gives nothing has said why, so this is never reached with null.
    (findings) =>
      resource === null
        ? bad(place, 'record-invalid', 'nothing in it')
        : resourceRecord(place, root, key, resource, text, findings),
    () => {
      const standIn = standInFor(root, key, resource, problems)
      return standIn && resourceRecord(place, root, key, standIn, text, [])
    },
  )
}

function resourceRecord(
  place: Place,
  root: Root,
  key: ResourceKey,
  resource: Resource,
  text: string,
  findings: readonly Finding[],
): DecodedResource {
  const document = key.entry.keepText ? text : null
  const {key: recordKey, modRevision} = place
  return {type: 'resource', key: recordKey, modRevision, findings, root, resource, path: key.path, document}
}

/** The resource in `top`; `null` when an error was noted that leaves nothing, or when the kind is not read. */
export function resourceOf(key: ResourceKey, top: Fields): Resource | null {
  const {kind, decode} = key.entry
  const said = top.text('kind')
  if (said !== '' && said !== kind) top.differ('kind', `${said} under the key of a ${kind}`)
  if (decode === null) top.fail('kind', `a ${kind} is not read here`)
  return decode?.(top, key) ?? null
}
