import {mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {must} from '../processes.ts'

interface Pair {
  readonly cert: string
  readonly key: string
}

export interface Certificates {
  readonly ca: string
  readonly client: (name: ClientName) => Pair
  /** By its first address. */
  readonly server: (address: string) => Pair
}

/** etcd maps a client certificate's CN to its user: the daemon's own, and what remote sites come with. */
export type ClientName = 'isthmus' | 'isthmus-remote'
const CLIENTS: readonly ClientName[] = ['isthmus', 'isthmus-remote']

export function certificatesIn(dir: string): Certificates {
  const pair = (name: string): Pair => ({cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`)})
  return {ca: join(dir, 'ca.pem'), client: pair, server: (address) => pair(`server-${address}`)}
}

/**
 * One CA for the interconnect, a certificate for each etcd and for each kind of client, all by one shell. Servers are
 * given by the addresses that they are reached at, loopback beside these. Made again, all of it is new.
 */
export async function makeCertificates(
  dir: string,
  servers: readonly (readonly [string, ...string[]])[],
): Promise<Certificates> {
  mkdirSync(dir, {recursive: true, mode: 0o700})
  writeFileSync(join(dir, 'client.ext'), 'extendedKeyUsage=clientAuth\n')
  const curve = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
  const signed = (name: string, ext: string, serial: number): string =>
    `openssl req ${curve} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr
openssl x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -set_serial ${serial} -days 90 -extfile ${ext} -out ${name}.pem`
  const ofServers = servers.map((addresses, index) => {
    const name = `server-${addresses[0]}`
    const names = ['127.0.0.1', ...addresses].map((address) => `IP:${address}`)
    writeFileSync(join(dir, `${name}.ext`), `subjectAltName=${names.join()}\nextendedKeyUsage=serverAuth,clientAuth\n`)
    return signed(name, `${name}.ext`, index + 10)
  })
  const script = [
    `openssl req -x509 ${curve} -days 90 -subj /CN=lab-ca -keyout ca.key -out ca.pem`,
    ...CLIENTS.map((name, index) => signed(name, 'client.ext', index + 1)),
    ...ofServers,
  ]
  await must(['sh', '-ec', `cd '${dir}'\n${script.join('\n')}`])
  return certificatesIn(dir)
}
