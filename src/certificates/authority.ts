import {execFile} from 'node:child_process'
import {generateKeyPair, randomBytes, X509Certificate} from 'node:crypto'
import {mkdir, mkdtemp, open, readFile, rename, rm} from 'node:fs/promises'
import path from 'node:path'
import {promisify} from 'node:util'
import type {CertificateOrder} from '../model/index.ts'
import {parseCertificates} from './facts.ts'

/** Why no certificate was made. `environment`: this machine cannot make any. */
export class IssueFailed extends Error {
  readonly environment: boolean

  constructor(message: string, environment = false) {
    super(message)
    this.environment = environment
  }
}

/**
 * Makes `NAME.key` and `NAME.pem` in a folder, which is made if missing (mode 0700). Both are written aside and renamed,
 * the key first: what a crash leaves is an old pair, a new pair, or a new key beside an old certificate, which every
 * check names. A key is of mode 0600 from its first byte.
 */
export async function issue(folder: string, order: CertificateOrder): Promise<void> {
  const at = (file: string): string => path.join(folder, file)
  await mkdir(path.dirname(at(order.name)), {recursive: true, mode: 0o700})
  const aside = await mkdtemp(at('.issue-'))
  try {
    const key = path.join(aside, 'key')
    await writeNew(key, order.sameKey ? await readFile(at(`${order.name}.key`), 'utf8') : await newKey(), 0o600)
    const settings = path.join(aside, 'settings')
    await writeNew(settings, settingsOf(order), 0o600)
    const issuer = order.issuer === null ? [] : ['-CA', at(`${order.issuer}.pem`), '-CAkey', at(`${order.issuer}.key`)]
    const serial = `0x${((randomBytes(1)[0]! % 0x7f) + 1).toString(16)}${randomBytes(15).toString('hex')}`
    const signed = await openssl([
      ...['req', '-x509', '-new', '-sha256', '-config', settings, '-key', key],
      ...['-days', String(order.days), '-set_serial', serial, ...issuer],
    ])
    const certificate = new X509Certificate(signed)
    const chain = order.issuer === null ? [] : await intermediates(at(`${order.issuer}.pem`))
    const pem = path.join(aside, 'pem')
    await writeNew(pem, [certificate.toString(), ...chain].join(''), 0o644)
    await rename(key, at(`${order.name}.key`))
    await rename(pem, at(`${order.name}.pem`))
  } finally {
    await rm(aside, {recursive: true, force: true})
  }
}

async function newKey(): Promise<string> {
  const {privateKey} = await promisify(generateKeyPair)('ec', {namedCurve: 'P-256'})
  return privateKey.export({type: 'pkcs8', format: 'pem'}).toString()
}

/** An authority that is not a root itself goes along with what it signs, or nobody finds the way to the root. */
async function intermediates(file: string): Promise<string[]> {
  const chain = parseCertificates(await readFile(file, 'utf8'))
  return chain
    .filter((certificate) => !certificate.checkIssued(certificate))
    .map((certificate) => certificate.toString())
}

/** Names and hosts have been parsed before; none of them can end its line. */
function settingsOf({subject, hosts, authority, usages}: CertificateOrder): string {
  const names = hosts.map((host, index) => `${/^[\d.]+$|:/.test(host) ? 'IP' : 'DNS'}.${index} = ${host}`)
  return [
    '[req]',
    'distinguished_name = subject',
    'prompt = no',
    'string_mask = utf8only',
    'x509_extensions = extensions',
    '[subject]',
    `O = ${subject.organisation}`,
    ...(subject.commonName === null ? [] : [`CN = ${subject.commonName}`]),
    '[extensions]',
    `basicConstraints = critical, CA:${authority ? 'TRUE' : 'FALSE'}`,
    `keyUsage = critical, ${authority ? 'keyCertSign, cRLSign' : 'digitalSignature'}`,
    ...(usages.length > 0 ? [`extendedKeyUsage = ${usages.join(', ')}`] : []),
    'subjectKeyIdentifier = hash',
    ...(authority ? [] : ['authorityKeyIdentifier = keyid']),
    ...(names.length > 0 ? ['subjectAltName = @hosts', '[hosts]', ...names] : []),
    '',
  ].join('\n')
}

async function openssl(args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)('openssl', args, {timeout: 30_000})).stdout
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new IssueFailed('openssl is not here; Debian and Ubuntu have it in the package openssl', true)
    }
    const words = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    throw new IssueFailed(`openssl: ${words.trim().split('\n').join('; ')}`)
  }
}

async function writeNew(file: string, text: string, mode: number): Promise<void> {
  await using handle = await open(file, 'wx', mode)
  await handle.writeFile(text)
  await handle.sync()
}
