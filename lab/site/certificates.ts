import {mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {must} from '../processes.ts'

export interface Certificates {
  readonly ca: string
  readonly pair: (name: string) => {readonly cert: string; readonly key: string}
}

/** etcd maps a client certificate's CN to its user: `root`, the daemon's own, and what remote sites come with. */
export const CLIENTS = ['root', 'isthmus', 'isthmus-remote'] as const

/** A CA for one site, a certificate for its etcd, and one for each client. One shell, since each openssl costs a start. */
export async function makeCertificates(dir: string, addresses: readonly string[]): Promise<Certificates> {
  mkdirSync(dir, {recursive: true, mode: 0o700})
  const names = addresses.map((address) => `IP:${address}`).join(',')
  writeFileSync(join(dir, 'server.ext'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`)
  writeFileSync(join(dir, 'client.ext'), 'extendedKeyUsage=clientAuth\n')
  const curve = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
  const script = [
    `openssl req -x509 ${curve} -days 30 -subj /CN=lab-ca -keyout ca.key -out ca.pem`,
    ...[...CLIENTS, 'server'].map(
      (name) => `openssl req ${curve} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr
openssl x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ${name === 'server' ? 'server' : 'client'}.ext -out ${name}.pem`,
    ),
  ].join('\n')
  await must(['sh', '-ec', `cd '${dir}'\n${script}`])
  return {ca: join(dir, 'ca.pem'), pair: (name) => ({cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`)})}
}
