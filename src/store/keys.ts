import {createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject} from 'node:crypto'
import {rm, stat} from 'node:fs/promises'
import {join} from 'node:path'
import {type Finding, parseWgPublicKey, type WgPublicKey} from '../model/index.ts'
import {closeToOthers, type Reader, readState, unreadable, writeState} from './files.ts'

/** WireGuard's own key of one tunnel end. The private key stays in its file. */
export interface StoredKey {
  readonly publicKey: WgPublicKey
  readonly keyFile: string
  /** UDP port of this end, allocated once; both go into the export. */
  readonly port: number
  readonly madeMs: number
}

export interface KeyStore {
  /** Another object with each change. */
  known(): ReadonlyMap<string, StoredKey>
  /** Makes the keys that are missing. */
  make(names: readonly string[]): Promise<readonly Finding[]>
  /** Forgets keys and deletes their files. */
  drop(names: readonly string[]): Promise<void>
}

/** WireGuard's customary port; each further tunnel of this gateway takes the next free one. */
const FIRST_PORT = 51820

/** PKCS #8 of an X25519 private key is this, then the 32 bytes (RFC 8410); SPKI of a public key ends in its 32. */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/**
 * Opens the keys of a state directory: `keys/index.json` has names, files and ports, each private key its own file. Who only
 * looks leaves a file that is open to others as it is.
 */
export async function createKeyStore(
  stateDir: string,
  reader: Reader = 'keeper',
): Promise<{store: KeyStore; findings: readonly Finding[]}> {
  const dir = join(stateDir, 'keys')
  const indexFile = join(dir, 'index.json')
  let keys: ReadonlyMap<string, StoredKey>
  const {text, findings} = await readState(indexFile)
  const stored = new Map<string, StoredKey>()
  for (const [name, {file, port}] of parseIndex(text, indexFile, findings)) {
    const keyFile = join(dir, file)
    const key = await readState(keyFile)
    findings.push(...key.findings)
    const publicKey = key.text === null ? null : publicOf(key.text.trim())
    if (publicKey === null) findings.push(unreadable(keyFile, 'no WireGuard private key (32 bytes in base64)'))
    else {
      if (reader === 'keeper') findings.push(...(await closeToOthers(keyFile)))
      stored.set(name, {publicKey, keyFile, port, madeMs: await writtenMs(keyFile)})
    }
  }
  keys = stored

  /** Written down before it counts: what a full disk has not taken must be tried again. */
  const save = async (next: ReadonlyMap<string, StoredKey>): Promise<void> => {
    const index = [...next].map(([name, {port, keyFile}]) => [name, {file: keyFile.slice(dir.length + 1), port}])
    await writeState(indexFile, `${JSON.stringify(Object.fromEntries(index), null, 2)}\n`)
    keys = next
  }
  const store: KeyStore = {
    known: () => keys,
    async make(names) {
      const made = new Map(keys)
      for (const name of names.filter((name) => !keys.has(name))) {
        const {privateKey, publicKey} = generateKeyPairSync('x25519')
        const port = freePort(made)
        const keyFile = join(dir, `${port}.key`)
        await writeState(keyFile, `${rawPrivate(privateKey)}\n`)
        made.set(name, {publicKey: rawPublic(publicKey), keyFile, port, madeMs: await writtenMs(keyFile)})
      }
      if (made.size === keys.size) return []
      await save(made)
      return []
    },
    async drop(names) {
      const gone = names.flatMap((name) => keys.get(name) ?? [])
      if (gone.length === 0) return
      // The index first: a key that it names and that is not there would be a fault to be told.
      await save(new Map([...keys].filter(([name]) => !names.includes(name))))
      for (const {keyFile} of gone) await rm(keyFile, {force: true})
    },
  }
  return {store, findings}
}

/** A key file is written once. */
const writtenMs = async (keyFile: string): Promise<number> => (await stat(keyFile)).mtimeMs

function freePort(keys: ReadonlyMap<string, StoredKey>): number {
  const taken = new Set([...keys.values()].map(({port}) => port))
  let port = FIRST_PORT
  while (taken.has(port)) port++
  return port
}

function parseIndex(text: string | null, path: string, findings: Finding[]): [string, {file: string; port: number}][] {
  if (text === null) return []
  try {
    const index: unknown = JSON.parse(text)
    return Object.entries(index as object).flatMap(([name, entry]: [string, unknown]) => {
      const {file, port} = (entry ?? {}) as {file?: unknown; port?: unknown}
      const valid = typeof file === 'string' && /^\d+\.key$/.test(file) && typeof port === 'number'
      if (!valid) findings.push(unreadable(path, `entry ${JSON.stringify(name)} has no file and port`))
      return valid ? [[name, {file, port}] as [string, {file: string; port: number}]] : []
    })
  } catch (error) {
    findings.push(unreadable(path, error instanceof Error ? error.message : String(error)))
    return []
  }
}

const rawPrivate = (key: KeyObject): string =>
  key.export({format: 'der', type: 'pkcs8'}).subarray(PKCS8_X25519.length).toString('base64')

function rawPublic(key: KeyObject): WgPublicKey {
  const text = key.export({format: 'der', type: 'spki'}).subarray(-32).toString('base64')
  const parsed = parseWgPublicKey(text)
  if (parsed === null) throw new Error(`X25519 gave a public key that WireGuard would not take: ${text}`)
  return parsed
}

function publicOf(privateText: string): WgPublicKey | null {
  const raw = Buffer.from(privateText, 'base64')
  if (raw.length !== 32) return null
  const key = createPrivateKey({key: Buffer.concat([PKCS8_X25519, raw]), format: 'der', type: 'pkcs8'})
  return rawPublic(createPublicKey(key))
}
