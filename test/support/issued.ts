import {execFileSync, type StdioOptions} from 'node:child_process'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {issue} from '../../src/certificates/index.ts'
import type {CertificateOrder} from '../../src/model/index.ts'

const QUIET: {stdio: StdioOptions} = {stdio: ['pipe', 'pipe', 'ignore']}

/** A folder of certificates for tests: real ones, and such as `issue` would never make. */
export interface Issued {
  readonly folder: string
  readonly at: (file: string) => string
  /** By name: an authority unless `issuer` is given; then for a client called like it, unless said otherwise. */
  make(name: string, order?: Partial<CertificateOrder>): Promise<void>
  /** Signs it again, so that it ran out a day ago. */
  expire(name: string, issuer: string): void
  remove(): void
}

export function issuedFolder(): Issued {
  const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-issued-'))
  const at = (file: string): string => path.join(folder, file)
  return {
    folder,
    at,
    make: (name, order = {}) =>
      issue(folder, {
        ...{name, subject: {organisation: 'test', commonName: name}, hosts: [], days: 60, issuer: null, sameKey: false},
        ...{authority: order.issuer === undefined, usages: order.issuer === undefined ? [] : ['clientAuth']},
        ...order,
      }),
    expire(name, issuer) {
      const copied = ['-copy_extensions', 'copyall']
      const file = at(`${name}.pem`)
      const request = execFileSync(
        'openssl',
        ['x509', '-x509toreq', '-in', file, '-signkey', at(`${name}.key`), ...copied],
        QUIET,
      )
      const signer = ['-CA', at(`${issuer}.pem`), '-CAkey', at(`${issuer}.key`), '-set_serial', '7']
      execFileSync('openssl', ['x509', '-req', ...copied, ...signer, '-days', '-1', '-out', file], {
        ...QUIET,
        input: request,
      })
    },
    remove: () => rmSync(folder, {recursive: true, force: true}),
  }
}

export const SERVER: Partial<CertificateOrder> = {
  subject: {organisation: 'test', commonName: null},
  hosts: ['127.0.0.1', 'etcd.test'],
  usages: ['serverAuth', 'clientAuth'],
}
