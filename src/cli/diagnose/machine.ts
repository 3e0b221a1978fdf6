import {access, constants, readdir, readFile, readlink, stat, statfs} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import type {DiskFacts, FileFacts, MachineFacts, ProcessFacts} from '../../diagnose/index.ts'
import type {GatewayConfig} from '../../model/index.ts'
import {look} from './look.ts'

/** What /proc and the disks tell of this machine, and of the two processes behind the sockets. */
export async function readMachine(
  config: GatewayConfig,
  file: string,
  socket: string,
  path: string,
): Promise<MachineFacts> {
  const {paths} = config
  const [daemon, bird, memory, disks, files, programs] = await Promise.all([
    look('the daemon', () => readProcess(socket)),
    look('BIRD', () => readProcess(paths.birdSocket)),
    look('/proc/meminfo', readMemory),
    Promise.all([
      readDisk(paths.state, 'state'),
      readDisk(dirname(paths.birdConfig), "BIRD's configuration"),
      readDisk(dirname(file), 'gateway.yaml'),
    ]),
    Promise.all([
      readMode(file, 'config'),
      readMode(socket, 'api-socket'),
      readMode(paths.birdSocket, 'bird-socket'),
      ...['keys', 'known'].map((name) => readMode(join(paths.state, name), 'state')),
    ]),
    findPrograms(['fping', 'nft', 'ip', ...(config.twin ? ['conntrackd', 'keepalived'] : [])], path),
  ])
  return {daemon, bird, memory, disks: onePerDisk(disks), files, programs}
}

/** Folders of one disk have one answer. */
function onePerDisk(disks: readonly (DiskFacts & {readonly device: number})[]): DiskFacts[] {
  const first = new Map<number, DiskFacts>()
  for (const {device, ...facts} of disks) if (!first.has(device)) first.set(device, facts)
  return [...first.values()]
}

/** The process that listens at a Unix socket; the kernel tells only the inode, which is among the process' files. */
async function readProcess(socket: string): Promise<ProcessFacts> {
  const lines = (await readFile('/proc/net/unix', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/))
  const LISTENS = '00010000'
  const inode = lines.find((words) => words[3] === LISTENS && words[7] === socket)?.[6]
  if (inode === undefined) throw new Error(`nobody listens at ${socket}`)
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    const folder = `/proc/${pid}/fd`
    const numbers = await readdir(folder).catch(() => [])
    const links = await Promise.all(numbers.map((number) => readlink(`${folder}/${number}`).catch(() => '')))
    if (links.includes(`socket:[${inode}]`)) return processFacts(Number(pid), numbers.length)
  }
  throw new Error(`the process at ${socket} cannot be seen: as root it can`)
}

async function processFacts(pid: number, openFiles: number): Promise<ProcessFacts> {
  const [status, limits] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/limits`, 'utf8'),
  ])
  const capabilities = /^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  const most = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  return {
    pid,
    capabilities: BigInt(`0x${capabilities}`),
    openFiles,
    mostOpenFiles: most ? Number(most) : Number.MAX_SAFE_INTEGER,
  }
}

async function readMemory(): Promise<{availableBytes: number; totalBytes: number}> {
  const text = await readFile('/proc/meminfo', 'utf8')
  const of = (name: string): number => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]
    if (kib === undefined) throw new Error(`no ${name}`)
    return Number(kib) * 1024
  }
  return {availableBytes: of('MemAvailable'), totalBytes: of('MemTotal')}
}

async function readDisk(path: string, what: string): Promise<DiskFacts & {device: number}> {
  const device = await stat(path).then(
    ({dev}) => dev,
    () => -1,
  )
  const seen = await look(path, async () => {
    const {bsize, bavail, blocks, ffree, files} = await statfs(path)
    const refusesWrites = await access(path, constants.W_OK).then(
      () => null,
      (error: NodeJS.ErrnoException) =>
        error.code === 'EROFS' ? 'read-only file system' : (error.code ?? error.message),
    )
    return {freeBytes: bsize * bavail, totalBytes: bsize * blocks, freeInodes: ffree, totalInodes: files, refusesWrites}
  })
  return {path, what, device, seen}
}

const readMode = async (path: string, kind: FileFacts['kind']): Promise<FileFacts> => ({
  path,
  kind,
  seen: await look(path, async () => {
    try {
      return {mode: (await stat(path)).mode}
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      throw missing ? new Error('not there') : error
    }
  }),
})

async function findPrograms(names: readonly string[], path: string): Promise<ReadonlyMap<string, string | null>> {
  const folders = [...new Set([...path.split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'])].filter(Boolean)
  const find = async (name: string): Promise<string | null> => {
    for (const folder of folders) {
      const file = join(folder, name)
      const runs = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
      if (runs) return file
    }
    return null
  }
  return new Map(await Promise.all(names.map(async (name) => [name, await find(name)] as const)))
}
