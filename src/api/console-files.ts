import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {ifMissing} from '../model/index.ts'
import type {Reply} from './answer.ts'

/** The console as it was built, in memory: a few hundred kilobytes that every browser asks for once. */
export interface ConsoleFiles {
  /** null: nothing of that path. */
  reply(served: string, acceptEncoding: string): Reply | null
}

/** One entry of `files.json`, as `scripts/build-console.mjs` writes it. */
interface Listed {
  readonly path: string
  readonly file: string
  readonly type: string
  /** Its name changes with its contents. */
  readonly hashed: boolean
  /** There is a `.br` and a `.gz` of it. */
  readonly packed: boolean
}

interface Held extends Listed {
  readonly bodies: ReadonlyMap<'br' | 'gzip' | '', Buffer>
}

/**
 * What a browser may do on our page: run our script, use our styles, ask us. Nothing inline, nothing of others, no frame
 * around it, no form that leaves.
 */
const CONTENT_POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "font-src 'self'", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ')

const PAGE_HEADERS = {
  'content-security-policy': CONTENT_POLICY,
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const

/** A name that changes with its contents never has to be asked for again. */
const FOREVER = 'public, max-age=31536000, immutable'

/** null: this build has no console. */
export async function readConsole(folder: string): Promise<ConsoleFiles | null> {
  const text = await readFile(path.join(folder, 'files.json'), 'utf8').catch(ifMissing(null))
  if (text === null) return null
  const listed: readonly Listed[] = JSON.parse(text)
  const held = await Promise.all(listed.map((one) => holdOf(folder, one)))
  const byPath = new Map(held.map((one) => [one.path, one]))
  return {
    reply(served, acceptEncoding) {
      const found = byPath.get(served)
      return found ? replyOf(found, acceptEncoding) : null
    },
  }
}

async function holdOf(folder: string, listed: Listed): Promise<Held> {
  const file = path.join(folder, listed.file)
  const bodies = new Map<'br' | 'gzip' | '', Buffer>([['', await readFile(file)]])
  if (listed.packed) {
    bodies.set('br', await readFile(`${file}.br`))
    bodies.set('gzip', await readFile(`${file}.gz`))
  }
  return {...listed, bodies}
}

function replyOf({type, hashed, packed, bodies}: Held, acceptEncoding: string): Reply {
  const accepted = acceptEncoding.split(',').map((one) => one.split(';')[0]!.trim())
  const encoding = packed ? ((['br', 'gzip'] as const).find((one) => accepted.includes(one)) ?? '') : ''
  return {
    status: 200,
    contentType: type,
    body: bodies.get(encoding)!,
    headers: {
      ...PAGE_HEADERS,
      ...(hashed ? {'cache-control': FOREVER} : {}),
      ...(packed ? {vary: 'accept-encoding'} : {}),
      ...(encoding === '' ? {} : {'content-encoding': encoding}),
    },
  }
}
