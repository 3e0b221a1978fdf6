import {chmod, chown, lchown, mkdir, open, readdir, readFile, realpath, rename, rm, stat} from 'node:fs/promises'
import path from 'node:path'
import {credentialFiles, type GatewayConfig, ifMissing} from '../model/index.ts'
import {type Accounts, nameOf, readAccounts} from './accounts.ts'
import type {BackupFile} from './backup-archive.ts'
import {DEFAULT_CONFIG} from './context.ts'

/** Of the state: what cannot be had again. Last known states come from etcd again, and are large. */
const STATE = ['keys', 'config', 'fou-ports.json', 'path-mtu.json', 'tunnels.json', 'draining']
const STAGED = '.isthmus-restore'

/**
 * Every file that makes this gateway this one: its configuration, what that names, all of /etc/isthmus where it lies there,
 * and its own state. What is not there is left out; what cannot be read throws.
 */
export async function readBackupFiles(configFile: string, config: GatewayConfig): Promise<BackupFile[]> {
  const wanted = new Set([configFile, ...namedFiles(config)])
  const folder = path.dirname(DEFAULT_CONFIG)
  if (configFile.startsWith(`${folder}/`)) for (const file of await filesBelow(folder)) wanted.add(file)
  for (const part of STATE) {
    const place = path.join(config.paths.state, part)
    const held = await stat(place).catch(ifMissing(null))
    if (held?.isDirectory()) for (const file of await filesBelow(place)) wanted.add(file)
    else if (held) wanted.add(place)
  }
  const accounts = await readAccounts()
  const files: BackupFile[] = []
  for (const file of [...wanted].sort()) {
    const held = await stat(file).catch(ifMissing(null))
    if (!held?.isFile()) continue
    files.push({
      ...{path: file, mode: held.mode & 0o777, content: (await readFile(file)).toString('base64')},
      ...{user: nameOf(accounts.users, held.uid), group: nameOf(accounts.groups, held.gid)},
    })
  }
  return files
}

/** Files of systemd's credentials are not the gateway's: they come from elsewhere at each start. */
function namedFiles({datastores, sites, peers, api}: GatewayConfig): string[] {
  const files = [
    ...[...datastores, ...sites.values()].flatMap(credentialFiles),
    ...datastores.map(({path: documents}) => documents),
    ...peers.map(({passwordFile}) => passwordFile),
    ...[api?.cert, api?.key, api?.clientCa],
  ]
  return files.filter((file) => typeof file === 'string').filter((file) => !file.startsWith('/run/'))
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true})
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
  return files.filter((file) => !file.endsWith(STAGED))
}

/**
 * Puts the files back, whole or not at all: first all are written beside their places, where a full disk or a missing
 * right still changes nothing; then the configuration is taken away, all are renamed, and the configuration comes last.
 * Whatever happens in between, a gateway never starts with half of it; run again, it goes on. Where a link stands, it is what
 * it leads to that is replaced.
 */
export async function putBackupFiles(
  files: readonly BackupFile[],
  configFile: string,
  stateDir: string,
): Promise<void> {
  const accounts = await readAccounts()
  const config = await placeOf(configFile, stateDir)
  /** Two paths may lead to one file. */
  const staged = new Set<string>()
  try {
    for (const file of files) {
      const place = await placeOf(file.path, stateDir)
      await mkdir(path.dirname(place), {recursive: true, mode: 0o750})
      staged.add(place)
      await stage({...file, path: place}, await ownerOf({...file, path: place}, stateDir, accounts))
    }
  } catch (error) {
    for (const place of staged) await rm(place + STAGED, {force: true})
    throw error
  }
  await rename(config, `${config}.before-restore`).catch(ifMissing(undefined))
  staged.delete(config)
  for (const place of staged) await rename(place + STAGED, place)
  await rename(config + STAGED, config)
}

/** A link that leads nowhere is replaced itself; so is one in the state, whose folders are not only root's to write. */
async function placeOf(file: string, stateDir: string): Promise<string> {
  return file.startsWith(`${stateDir}/`) ? file : await realpath(file).catch(ifMissing(file))
}

async function stage(file: BackupFile, owner: {uid: number; gid: number} | null): Promise<void> {
  const place = file.path + STAGED
  await rm(place, {force: true})
  const handle = await open(place, 'wx', 0o600)
  try {
    await handle.writeFile(Buffer.from(file.content, 'base64'))
    await handle.sync()
  } finally {
    await handle.close()
  }
  if (owner) await chown(place, owner.uid, owner.gid)
  await chmod(place, file.mode)
}

/**
 * State is the daemon's, as its folder is. All else is whose it was, by name, where this machine has that name; else whose it is
 * here, or root's and of the group of its folder.
 */
async function ownerOf(
  {path: file, user = '', group = ''}: BackupFile,
  stateDir: string,
  {users, groups}: Accounts,
): Promise<{uid: number; gid: number} | null> {
  if (process.geteuid?.() !== 0) return null
  const folder = path.dirname(file)
  if (file.startsWith(`${stateDir}/`)) {
    const {uid, gid} = await stat(stateDir)
    // A folder that was made just now; never what a link in its place leads to.
    if (folder !== stateDir) await lchown(folder, uid, gid)
    return {uid, gid}
  }
  const held = await stat(file).catch(ifMissing(null))
  return {
    uid: users.get(user) ?? held?.uid ?? 0,
    gid: groups.get(group) ?? (held ?? (await stat(folder))).gid,
  }
}
