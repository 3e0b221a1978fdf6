import {chmod, chown, mkdir, open, readdir, readFile, rename, rm, stat} from 'node:fs/promises'
import path from 'node:path'
import {credentialFiles, type GatewayConfig, ifMissing} from '../model/index.ts'
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
  const files: BackupFile[] = []
  for (const file of [...wanted].sort()) {
    const held = await stat(file).catch(ifMissing(null))
    if (!held?.isFile()) continue
    files.push({path: file, mode: held.mode & 0o777, content: (await readFile(file)).toString('base64')})
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
 * Whatever happens in between, a gateway never starts with half of it; run again, it goes on.
 */
export async function putBackupFiles(
  files: readonly BackupFile[],
  configFile: string,
  stateDir: string,
): Promise<void> {
  const staged: string[] = []
  try {
    for (const file of files) {
      await mkdir(path.dirname(file.path), {recursive: true, mode: 0o750})
      staged.push(file.path)
      await stage(file, await ownerOf(file.path, stateDir))
    }
  } catch (error) {
    for (const place of staged) await rm(place + STAGED, {force: true})
    throw error
  }
  await rename(configFile, `${configFile}.before-restore`).catch(ifMissing(undefined))
  for (const place of staged.filter((one) => one !== configFile)) await rename(place + STAGED, place)
  await rename(configFile + STAGED, configFile)
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

/** State is the daemon's, as its folder is; all else is root's, of the group of its folder. */
async function ownerOf(file: string, stateDir: string): Promise<{uid: number; gid: number} | null> {
  if (process.geteuid?.() !== 0) return null
  const isState = file.startsWith(`${stateDir}/`)
  const {uid, gid} = await stat(isState ? stateDir : path.dirname(file))
  const folder = path.dirname(file)
  // A folder that was made just now.
  if (isState && folder !== stateDir) await chown(folder, uid, gid)
  return {uid: isState ? uid : 0, gid}
}
