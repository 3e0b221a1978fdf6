import {constants, copyFile, open, readFile, rename, rm} from 'node:fs/promises'
import {BIRD_FILE_BEFORE, birdTextHash, ifMissing} from '../../model/index.ts'

/** May hold BGP passwords: the owner writes, BIRD's group reads, nobody else does anything. */
const MODE = 0o640
const BIRD_GROUP = 'bird'

/** BIRD's configuration file: written beside and renamed, so that it is one text or another and never half of one. */
export class ConfigFile {
  readonly #path: string
  readonly #staged: string

  constructor(path: string) {
    this.#path = path
    this.#staged = `${path}.isthmus-new`
  }

  read(): Promise<string | null> {
    return readOrNull(this.#path)
  }

  /** Writes the text beside the file and tells where. */
  async stage(text: string): Promise<string> {
    await rm(this.#staged, {force: true})
    const group = await groupId(BIRD_GROUP)
    const handle = await open(this.#staged, 'wx', MODE)
    try {
      await handle.writeFile(text)
      await handle.chmod(MODE)
      // BIRD has given up root when it reads the file again.
      if (group !== null && (await handle.stat()).gid !== group) await handle.chown(process.geteuid!(), group)
      await handle.sync()
    } finally {
      await handle.close()
    }
    return this.#staged
  }

  dropStaged(): Promise<void> {
    return rm(this.#staged, {force: true})
  }

  /**
   * Puts the staged text in place; the result puts the old one back.
   *
   * A file that is not ours is kept once as `FILE.before-isthmus`: the configuration names the path, so it is ours to
   * write, but what stood there may be somebody's work.
   */
  async commit(): Promise<() => Promise<void>> {
    const old = await this.read()
    if (old !== null && birdTextHash(old) === null) await this.#keepForeign()
    await rename(this.#staged, this.#path)
    return async () => {
      if (old === null) return await rm(this.#path, {force: true})
      await this.stage(old)
      await rename(this.#staged, this.#path)
    }
  }

  async #keepForeign(): Promise<void> {
    try {
      await copyFile(this.#path, `${this.#path}${BIRD_FILE_BEFORE}`, constants.COPYFILE_EXCL)
    } catch (error) {
      // There is one already: the first is the one that was there before us.
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  }
}

const readOrNull = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(ifMissing(null))

async function groupId(name: string): Promise<number | null> {
  const groups = (await readOrNull('/etc/group')) ?? ''
  const line = groups.split('\n').find((entry) => entry.startsWith(`${name}:`))
  const id = line?.split(':')[2]
  return id === undefined ? null : Number(id)
}
