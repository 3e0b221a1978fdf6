import {execFileSync} from 'node:child_process'
import {mkdtempSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {Etcd3} from 'etcd3'
import type {PasswordUser} from '../../src/model/index.ts'
import {type EtcdServer, type ServerTls, startEtcd} from './etcd-server.ts'

const ROOT = 'root-secret'

/** An etcd that asks for users, with one called `isthmus` that comes by password and may do all below /isthmus/v1/. */
export interface EtcdUsers {
  readonly server: EtcdServer
  /** Of etcd's own user `root`. */
  readonly root: Etcd3
  /** The same with a token of now. */
  logIn(): Etcd3
  readonly user: PasswordUser
  /** The password's file has this, with the end of line that editors write. */
  writePassword(password: string): void
  /** etcd has this, and forgets the user's tokens; done when it returns, with nothing else having run. */
  setPassword(password: string): void
  makeUser(password: string): Promise<void>
  stop(): Promise<void>
}

export async function startUsers(
  options: readonly string[],
  {tls = null, ca}: {readonly tls?: ServerTls | null; readonly ca?: Buffer} = {},
): Promise<EtcdUsers> {
  const dir = mkdtempSync('/dev/shm/isthmus-users-')
  const user: PasswordUser = {name: 'isthmus', passwordFile: join(dir, 'password')}
  const server = await startEtcd(tls, options)
  const reached = {hosts: server.endpoint, ...(ca ? {credentials: {rootCertificate: ca}} : {})}
  const open = new Etcd3(reached)
  const makeUser = async ({auth}: Etcd3, name: string, password: string): Promise<void> => {
    await auth.userAdd({name, password})
    await auth.userGrantRole({user: name, role: name})
  }
  for (const name of ['root', user.name]) await open.auth.roleAdd({name})
  const all = {key: Buffer.from('/isthmus/v1/'), range_end: Buffer.from('/isthmus/v10')}
  await open.auth.roleGrantPermission({name: user.name, perm: {permType: 'Readwrite', ...all}})
  await makeUser(open, 'root', ROOT)
  await makeUser(open, user.name, 'first')
  await open.auth.authEnable()
  open.close()
  const roots: Etcd3[] = []
  const logIn = (): Etcd3 => {
    const root = new Etcd3({...reached, auth: {username: 'root', password: ROOT}})
    roots.push(root)
    return root
  }
  const root = logIn()
  const writePassword = (password: string): void => {
    writeFileSync(join(dir, 'new'), `${password}\n`, {mode: 0o600})
    renameSync(join(dir, 'new'), user.passwordFile)
  }
  writePassword('first')
  return {
    ...{server, root, logIn, user, writePassword},
    setPassword: (password) =>
      void execFileSync(
        'etcdctl',
        ['--endpoints', server.endpoint, '--user', `root:${ROOT}`, 'user', 'passwd', user.name, '--interactive=false'],
        {input: `${password}\n`, stdio: ['pipe', 'ignore', 'pipe'], env: {...process.env, ETCDCTL_API: '3'}},
      ),
    makeUser: (password) => makeUser(root, user.name, password),
    async stop() {
      for (const one of roots) one.close()
      await server.stop()
      rmSync(dir, {recursive: true})
    },
  }
}
