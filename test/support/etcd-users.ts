import {execFileSync} from 'node:child_process'
import {mkdtempSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import type {Etcd3} from 'etcd3'
import {connect, type EtcdConnection} from '../../src/etcd/index.ts'
import type {PasswordUser} from '../../src/model/index.ts'
import {type EtcdServer, type ServerTls, startEtcd} from './etcd-server.ts'

const ROOT = 'root-secret'

/** An etcd that asks for users, with one called `isthmus` that comes by password and may do all below /isthmus/v1/. */
export interface EtcdUsers {
  readonly server: EtcdServer
  /** A client of etcd's own user `root`. */
  readonly root: Etcd3
  /** `root` is a new one, as after a restart. */
  logIn(): void
  readonly user: PasswordUser
  /** The password's file has this, with the end of line that editors write. */
  writePassword(password: string): void
  /** etcd has this, and forgets the user's tokens; done when it returns, with nothing else having run. */
  setPassword(password: string): void
  makeUser(password: string): Promise<void>
  stop(): Promise<void>
}

export async function startUsers(options: readonly string[], tls: ServerTls | null = null): Promise<EtcdUsers> {
  const dir = mkdtempSync('/dev/shm/isthmus-users-')
  const user: PasswordUser = {name: 'isthmus', passwordFile: join(dir, 'password')}
  const server = await startEtcd(tls, options)
  writeFileSync(join(dir, 'root'), ROOT, {mode: 0o600})
  const reached = {endpoints: [server.endpoint], tls: tls && {ca: tls.ca, cert: null, key: null}}
  const nobody = connect({...reached, user: null})
  const open = nobody.client(0)
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
  nobody.close()
  const roots: EtcdConnection[] = []
  const logIn = (): void => {
    roots.unshift(connect({...reached, user: {name: 'root', passwordFile: join(dir, 'root')}}))
  }
  logIn()
  const writePassword = (password: string): void => {
    writeFileSync(join(dir, 'new'), `${password}\n`, {mode: 0o600})
    renameSync(join(dir, 'new'), user.passwordFile)
  }
  writePassword('first')
  return {
    ...{server, logIn, user, writePassword},
    get root() {
      return roots[0]!.client(0)
    },
    setPassword: (password) =>
      void execFileSync(
        'etcdctl',
        ['--endpoints', server.endpoint, '--user', `root:${ROOT}`, 'user', 'passwd', user.name, '--interactive=false'],
        {input: `${password}\n`, stdio: ['pipe', 'ignore', 'pipe'], env: {...process.env, ETCDCTL_API: '3'}},
      ),
    makeUser: (password) => makeUser(roots[0]!.client(0), user.name, password),
    async stop() {
      for (const one of roots) one.close()
      await server.stop()
      rmSync(dir, {recursive: true})
    },
  }
}
