import {randomBytes} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import {Etcd3, EtcdUserExistsError, EtcdUserNotFoundError, GRPCFailedPreconditionError} from 'etcd3'
import type {EtcdPermission, EtcdRights, EtcdRightsStep, TlsFiles} from '../model/index.ts'
import {EtcdRefused} from './calls.ts'

/** Users, roles and whether etcd asks for them. Needs etcd's own user `root`, where it asks. */
export async function readRights({auth}: Etcd3): Promise<EtcdRights> {
  const enabled = await asksForUsers({auth})
  const [{users: names = []}, {roles: roleNames = []}] = await Promise.all([auth.userList(), auth.roleList()])
  const users = new Map<string, readonly string[]>()
  for (const name of names) users.set(name, (await auth.userGet({name})).roles ?? [])
  const roles = new Map<string, readonly EtcdPermission[]>()
  for (const role of roleNames) {
    const {perm = []} = await auth.roleGet({role})
    roles.set(
      role,
      perm.map(({permType, key, range_end}) => ({
        type: permType ?? 'Read',
        key: key.toString('utf8'),
        rangeEnd: range_end.toString('utf8'),
      })),
    )
  }
  return {enabled, users, roles}
}

/** etcd 3.4 does not tell; but it says before anything else of a login that nobody asked for one. */
export async function asksForUsers({auth}: Pick<Etcd3, 'auth'>): Promise<boolean> {
  try {
    await auth.authenticate({name: 'isthmus-asks', password: 'whether'})
    return true
  } catch (error) {
    if (error instanceof GRPCFailedPreconditionError || /not enabled/.test(String(error))) return false
    if (/authentication failed|invalid user|user name/i.test(String(error))) return true
    throw error
  }
}

export interface EtcdPlace {
  readonly endpoint: string
  readonly tls: TlsFiles
}

export async function applyRights(client: Etcd3, step: EtcdRightsStep, place: EtcdPlace): Promise<void> {
  const {auth} = client
  if (step.do === 'add-role') await auth.roleAdd({name: step.role})
  else if (step.do === 'grant') {
    const {type, key, rangeEnd} = step.permission
    const perm = {permType: type, key: Buffer.from(key), range_end: Buffer.from(rangeEnd)}
    await auth.roleGrantPermission({name: step.role, perm})
  } else if (step.do === 'add-user') {
    try {
      // The certificate is the password: this one is known to nobody, and older etcds want one.
      await auth.userAdd({name: step.user, password: newPassword()})
    } catch (error) {
      if (!(error instanceof EtcdUserExistsError)) throw error
    }
  } else if (step.do === 'give-role') await auth.userGrantRole({user: step.user, role: step.role})
  else if (step.do === 'delete-user') await auth.userDelete({name: step.user})
  else await enableUsers(client, place)
}

const newPassword = (): string => randomBytes(32).toString('base64url')

/** Only while users are being switched on; has a password, since certificates may prove to name nobody. */
const WAY_BACK = 'isthmus-site-init'

/**
 * Has etcd ask for users, and makes sure that it then knows the one of our certificate: an etcd with `--trusted-ca-file` but
 * without `--client-cert-auth` wants certificates and does not look at their names, so that everybody is locked out. That
 * cannot be seen before; so there is a way back, by a user with a password, that is closed at the end.
 */
async function enableUsers(client: Etcd3, {endpoint, tls}: EtcdPlace): Promise<void> {
  const password = newPassword()
  await client.auth.userDelete({name: WAY_BACK}).catch((error: unknown) => {
    if (!(error instanceof EtcdUserNotFoundError)) throw error
  })
  await client.auth.userAdd({name: WAY_BACK, password})
  await client.auth.userGrantRole({user: WAY_BACK, role: 'root'})
  await client.auth.authEnable()
  try {
    await client.auth.userList()
  } catch (error) {
    const back = await passwordClient(endpoint, tls, password)
    try {
      await back.auth.authDisable()
    } finally {
      back.close()
    }
    await client.auth.userDelete({name: WAY_BACK})
    const cause = error instanceof Error ? error.message : String(error)
    throw new EtcdRefused(`it does not know clients by their certificates (${cause}), so users were switched off again`)
  }
  await client.auth.userDelete({name: WAY_BACK})
}

async function passwordClient(endpoint: string, tls: TlsFiles, password: string): Promise<Etcd3> {
  const [rootCertificate, certChain, privateKey] = await Promise.all(
    [tls.ca, tls.cert, tls.key].map((file) => (file === null ? null : readFile(file))),
  )
  const credentials = {
    rootCertificate: rootCertificate!,
    ...(privateKey ? {privateKey} : {}),
    ...(certChain ? {certChain} : {}),
  }
  return new Etcd3({hosts: endpoint, credentials, auth: {username: WAY_BACK, password}})
}

/** Names one step, for people. */
export function rightsStepText(step: EtcdRightsStep): string {
  if (step.do === 'add-role') return `role ${step.role}`
  if (step.do === 'grant') return `role ${step.role}: ${step.permission.type.toLowerCase()} on ${step.permission.key}`
  if (step.do === 'add-user') return `user ${step.user}, known by the CN of its certificate`
  if (step.do === 'give-role') return `user ${step.user} gets role ${step.role}`
  if (step.do === 'delete-user') return `user ${step.user} goes`
  return 'etcd asks for users from now on'
}
