import {createCipheriv, createDecipheriv, createHash, randomBytes, scryptSync} from 'node:crypto'
import {gunzipSync, gzipSync} from 'node:zlib'

/** One file of a gateway, by its absolute path. */
export interface BackupFile {
  readonly path: string
  readonly mode: number
  /** By name, where they have one: another machine has other numbers. */
  readonly user?: string | undefined
  readonly group?: string | undefined
  /** Base64. */
  readonly content: string
}

export interface Backup {
  /** Of the Isthmus that made it. */
  readonly version: string
  readonly site: string
  readonly gateway: string
  readonly madeAt: string
  readonly config: string
  readonly state: string
  readonly files: readonly BackupFile[]
}

/** Why an archive gives no backup, in words. */
export class NoBackup extends Error {}

const MAGIC = 'isthmus-backup'
const FORMAT = 1
/** 128 MiB of memory and about half a second a guess. */
const SCRYPT = {N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28}
const CIPHER = 'aes-256-gcm'
const TAG_BYTES = 16
const MOST_BYTES = 1 << 29

/**
 * A line of text that tells what follows, then JSON, compressed: in the clear with its checksum, or under a key that scrypt
 * makes of the passphrase. GCM tells a wrong passphrase, and every byte that has changed.
 */
export function packBackup(backup: Backup, passphrase: string | null): Buffer {
  const body = gzipSync(JSON.stringify(backup), {level: 9})
  if (passphrase === null) {
    return Buffer.concat([Buffer.from(`${MAGIC} ${FORMAT} plain ${sha256(body)}\n`), body])
  }
  const [salt, nonce] = [randomBytes(16), randomBytes(12)]
  const header = Buffer.from(`${MAGIC} ${FORMAT} scrypt ${salt.toString('hex')} ${nonce.toString('hex')}\n`)
  const cipher = createCipheriv(CIPHER, scryptSync(passphrase, salt, 32, SCRYPT), nonce).setAAD(header)
  return Buffer.concat([header, cipher.update(body), cipher.final(), cipher.getAuthTag()])
}

/** Throws `NoBackup`. */
export function unpackBackup(archive: Buffer, passphrase: string | null): Backup {
  const end = archive.subarray(0, 200).indexOf('\n')
  const [magic, format, kind, ...words] = archive.subarray(0, Math.max(end, 0)).toString('latin1').split(' ')
  if (magic !== MAGIC) throw new NoBackup('it is no backup of Isthmus')
  if (Number(format) !== FORMAT) {
    throw new NoBackup(
      `it has format ${format}, this version reads ${FORMAT}: restore it with the version that made it`,
    )
  }
  const header = archive.subarray(0, end + 1)
  const rest = archive.subarray(end + 1)
  if (kind === 'plain') {
    if (words[0] !== sha256(rest))
      throw new NoBackup('it is damaged: its checksum does not fit; take another copy of it')
    return parsed(rest)
  }
  if (kind !== 'scrypt') throw new NoBackup(`it is of a kind that is not known: ${kind}`)
  if (passphrase === null) throw new NoBackup('it is encrypted: name its passphrase by --passphrase-file')
  const [salt, nonce] = words.map((word) => Buffer.from(word, 'hex'))
  if (salt?.length !== 16 || nonce?.length !== 12 || rest.length < TAG_BYTES) throw new NoBackup('it is damaged')
  const key = scryptSync(passphrase, salt, 32, SCRYPT)
  const decipher = createDecipheriv(CIPHER, key, nonce).setAAD(header).setAuthTag(rest.subarray(-TAG_BYTES))
  let body: Buffer
  try {
    body = Buffer.concat([decipher.update(rest.subarray(0, -TAG_BYTES)), decipher.final()])
  } catch {
    throw new NoBackup('the passphrase is another one, or it is damaged')
  }
  return parsed(body)
}

function parsed(body: Buffer): Backup {
  const value: unknown = JSON.parse(gunzipSync(body, {maxOutputLength: MOST_BYTES}).toString('utf8'))
  if (!isBackup(value)) throw new NoBackup('it is damaged: something is missing in it')
  return value
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
const isPath = (value: unknown): boolean =>
  typeof value === 'string' && value.startsWith('/') && !value.split('/').includes('..')

function isBackup(value: unknown): value is Backup {
  if (!isObject(value) || !Array.isArray(value.files)) return false
  const hasWords = ['version', 'site', 'gateway', 'madeAt'].every((key) => typeof value[key] === 'string')
  const isFile = (one: unknown): boolean =>
    isObject(one) &&
    isPath(one.path) &&
    Number.isInteger(one.mode) &&
    typeof one.content === 'string' &&
    [one.user, one.group].every((name) => name === undefined || typeof name === 'string')
  return hasWords && isPath(value.config) && isPath(value.state) && value.files.every(isFile)
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex')
