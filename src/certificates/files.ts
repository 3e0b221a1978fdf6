import {createPrivateKey, type KeyObject, type X509Certificate} from 'node:crypto'
import {constants} from 'node:fs'
import {open, stat} from 'node:fs/promises'
import type {
  CertificateFileFacts,
  FileFault,
  KeyFileFacts,
  PasswordFileFacts,
  TlsFileFacts,
  TlsFiles,
} from '../model/index.ts'
import {certificateFacts, followChain, parseCertificates} from './facts.ts'

/** A file of certificates is some kilobytes; what is larger is none, and is not read to find out. */
const MAX_BYTES = 1 << 20

/** Reads what a datastore or site is reached with. A file that gives nothing is a fact, never an error. */
export async function readTlsFiles(tls: TlsFiles): Promise<TlsFileFacts> {
  const [ca, cert, key] = await Promise.all([
    readCertificates(tls.ca),
    tls.cert === null ? null : readCertificates(tls.cert),
    tls.key === null ? null : readKey(tls.key),
  ])
  const leaf = cert?.certificates[0]
  const chain = leaf && ca.facts.fault === null ? followChain(leaf, cert.certificates.slice(1), ca.certificates) : null
  return {
    ca: ca.facts,
    cert: cert?.facts ?? null,
    key: key && {...key.facts, matches: leaf && key.key ? leaf.checkPrivateKey(key.key) : null},
    missingIssuer: chain?.missing ?? null,
    fromCa: chain?.trusted ?? null,
  }
}

export async function readPasswordFile(file: string): Promise<PasswordFileFacts> {
  const read = await readText(file)
  if ('fault' in read) return {file, fault: read.fault, mode: read.mode}
  const isEmpty = /^\r?\n?$/.test(read.text)
  return {file, fault: isEmpty ? {code: 'malformed', detail: 'empty'} : null, mode: read.mode}
}

/** Changes with the files, without their being read: a certificate that is renewed must be seen soon, and at no cost. */
export async function fileSignature(files: readonly string[]): Promise<string> {
  const parts = files.map(async (file) => {
    try {
      const {ino, mtimeMs, size, mode} = await stat(file)
      return `${ino} ${mtimeMs} ${size} ${mode}`
    } catch (error) {
      return errnoOf(error)
    }
  })
  return (await Promise.all(parts)).join('; ')
}

async function readCertificates(
  file: string,
): Promise<{readonly facts: CertificateFileFacts; readonly certificates: readonly X509Certificate[]}> {
  const read = await readText(file)
  if ('fault' in read) return {facts: {file, fault: read.fault, certificates: []}, certificates: []}
  try {
    const certificates = parseCertificates(read.text)
    if (certificates.length === 0) throw new Error('no BEGIN CERTIFICATE in it')
    return {facts: {file, fault: null, certificates: certificates.map(certificateFacts)}, certificates}
  } catch (error) {
    const fault: FileFault = {code: 'malformed', detail: `no certificate in PEM: ${messageOf(error)}`}
    return {facts: {file, fault, certificates: []}, certificates: []}
  }
}

async function readKey(file: string): Promise<{readonly facts: KeyFileFacts; readonly key: KeyObject | null}> {
  const read = await readText(file)
  if ('fault' in read) return {facts: {file, fault: read.fault, mode: read.mode, matches: null}, key: null}
  try {
    const key = createPrivateKey(read.text)
    return {facts: {file, fault: null, mode: read.mode, matches: null}, key}
  } catch (error) {
    const fault: FileFault = {
      code: 'malformed',
      detail: `no private key in PEM without a password: ${messageOf(error)}`,
    }
    return {facts: {file, fault, mode: read.mode, matches: null}, key: null}
  }
}

type Read = {readonly text: string; readonly mode: number} | {readonly fault: FileFault; readonly mode: number | null}

async function readText(file: string): Promise<Read> {
  let mode: number | null = null
  try {
    // Not blocking: opened for reading, a named pipe would wait for somebody to write.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = await handle.stat()
    mode = stat.mode & 0o777
    if (!stat.isFile()) return {fault: {code: 'malformed', detail: 'not a file'}, mode}
    if (stat.size > MAX_BYTES) return {fault: {code: 'malformed', detail: `${stat.size} bytes, far too large`}, mode}
    return {text: await handle.readFile('utf8'), mode}
  } catch (error) {
    return {fault: {code: CODES[errnoOf(error)] ?? 'failed', detail: messageOf(error)}, mode}
  }
}

const CODES: Readonly<Record<string, FileFault['code']>> = {
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  EACCES: 'denied',
  EPERM: 'denied',
}

const errnoOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
