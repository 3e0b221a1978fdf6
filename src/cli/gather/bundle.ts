import {gzipSync} from 'node:zlib'
import {REDACTED, redact, type Seen} from '../../diagnose/index.ts'
import {look} from '../diagnose/look.ts'
import type {Item} from './items.ts'
import {type Entry, tarOf} from './tar.ts'

export interface Bundle {
  readonly bytes: Buffer
  /** What could not be had, and why. */
  readonly missing: readonly {readonly name: string; readonly why: string}[]
  readonly files: number
}

export interface Bounds {
  /** Of one file, and of all together; what is more is cut, and that it was is told. */
  readonly mostBytes: number
  readonly mostInAll: number
}

export const BOUNDS: Bounds = {mostBytes: 4 << 20, mostInAll: 48 << 20}
const ITEM_MS = 15_000
const AT_ONCE = 4

/**
 * Reads every item, takes the secrets out and packs what is left. Nothing is kept of what was read before that: the
 * redaction comes before any cut, so that no half of a secret can stay.
 */
export async function packBundle(
  items: readonly Item[],
  secrets: readonly string[],
  {seconds, bounds = BOUNDS}: {readonly seconds: number; readonly bounds?: Bounds},
): Promise<Bundle> {
  const entries: Entry[] = []
  const missing: {name: string; why: string}[] = []
  const cut: string[] = []
  let left = bounds.mostInAll
  const looked = await readAll(items)
  for (const [index, {name, keep}] of items.entries()) {
    const seen = looked[index]!
    if (!seen.ok) {
      missing.push({name, why: clean(seen.why, secrets)})
      continue
    }
    const whole = Buffer.from(clean(seen.value, secrets), 'utf8')
    const room = Math.max(0, Math.min(bounds.mostBytes, left))
    const content =
      whole.length <= room ? whole : keep === 'end' ? whole.subarray(whole.length - room) : whole.subarray(0, room)
    if (content.length < whole.length) cut.push(`${name}: ${content.length} of ${whole.length} bytes`)
    left -= content.length
    entries.push({name, content})
  }
  const manifest = {files: entries.map(({name}) => name), missing, cut, redacted: `secrets are ${REDACTED}`}
  entries.unshift({name: 'manifest.json', content: Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`)})
  return {bytes: gzipSync(tarOf(entries, seconds)), missing, files: entries.length}
}

/** Some at a time: one that hangs holds up few, and a gateway has more to do than this. */
async function readAll(items: readonly Item[]): Promise<Seen<string>[]> {
  const seen: Seen<string>[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const {name, read} = items[index]!
      seen[index] = await look(name, read, ITEM_MS)
    }
  }
  await Promise.all(Array.from({length: AT_ONCE}, work))
  return seen
}

/** Byte by byte, so that a text in any encoding is looked through. */
const clean = (text: string, secrets: readonly string[]): string =>
  Buffer.from(redact(Buffer.from(text, 'utf8').toString('latin1'), secrets), 'latin1').toString('utf8')
