import {readdirSync, readFileSync} from 'node:fs'
import type {RawRecord} from '../../src/model/index.ts'

const FOLDER = new URL('../fixtures/calico/', import.meta.url)

/** Names of Calico's fixtures, without `.json`. */
export const CALICO_FIXTURES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length))
  .sort()

/** One fixture as a datastore would give it; the value's text is cut out, since a parser would round its integers. */
export function calicoFixture(name: string, modRevision = 1): RawRecord {
  const text = readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')
  const {key} = JSON.parse(text) as {key: string}
  const value = text.slice(text.indexOf('"value":') + '"value":'.length, text.lastIndexOf('}')).trim()
  return rawRecord(key, value === '""' ? '' : value, modRevision)
}

export function rawRecord(key: string, value: string | object, modRevision = 1): RawRecord {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return {key, value: new TextEncoder().encode(text), modRevision}
}
