import {
  type AttributeSetId,
  type DatastoreName,
  type DecodedExport,
  parseDatastoreName,
  type RawRecord,
} from '../model/index.ts'
import {canonicalFour, type Prefix} from '../net/index.ts'

export const ENDPOINTS = '/isthmus/v1/export/endpoints/'

const HEAD = Buffer.from('{"n":["')
const TAIL = Buffer.from('"]}')
const QUOTE = 0x22
const BACKSLASH = 0x5c
const ID_LENGTH = 64

/**
 * The record of an endpoint as nearly every one is written: an IPv4 address, one name of plain ASCII, nothing else. Null:
 * another one, which the decoder proper reads (and this one too, in the same way). A tenth of its cost, at a million.
 */
export function plainEndpoint({key, value, modRevision}: RawRecord): DecodedExport | null {
  const first = key.indexOf('/', ENDPOINTS.length)
  const second = key.indexOf('/', first + 1)
  if (first < 0 || second < 0) return null
  if (canonicalFour(key, first + 1, second) < 0 || !isId(key, second + 1)) return null
  const datastore = datastoreIn(key, first)
  const name = datastore && onlyName(value)
  if (!name) return null
  const prefix = `${key.slice(first + 1, second)}/32` as Prefix
  const attributes = key.slice(second + 1) as AttributeSetId
  const entry = {kind: 'endpoint', datastore, prefix, attributes, names: [name]} as const
  return {type: 'export', key, modRevision, findings: [], entry}
}

const datastoreIn = (key: string, end: number): DatastoreName | null =>
  parseDatastoreName(key.slice(ENDPOINTS.length, end))

/** Letters, digits, `_` and `-` up to the end. */
function isId(key: string, from: number): boolean {
  if (key.length === from || key.length > from + ID_LENGTH) return false
  for (let at = from; at < key.length; at++) {
    const code = key.charCodeAt(at)
    const isLetter = (code | 32) >= 97 && (code | 32) <= 122
    if (!isLetter && !(code >= 48 && code <= 57) && code !== 0x5f && code !== 0x2d) return false
  }
  return true
}

/** What stands between head and tail, if that is text without anything that JSON writes otherwise; else null. */
function onlyName(value: Uint8Array): string | null {
  const end = value.length - TAIL.length
  if (end <= HEAD.length) return null
  for (let at = 0; at < HEAD.length; at++) if (value[at] !== HEAD[at]) return null
  for (let at = 0; at < TAIL.length; at++) if (value[end + at] !== TAIL[at]) return null
  for (let at = HEAD.length; at < end; at++) {
    const byte = value[at]!
    if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return null
  }
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1', HEAD.length, end)
}
