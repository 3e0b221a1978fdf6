import {copyFile, link, open, readFile, rename, rm} from 'node:fs/promises'
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
    await writeBeside(this.#staged, text)
    return this.#staged
  }

  dropStaged(): Promise<void> {
    return rm(this.#staged, {force: true})
  }

  /**
   * Puts the staged text in place; `putBack` has the old one there again, also on a disk that is full by then, and `keep`
   * ends that. Rejects before anything is changed.
   *
   * A file that is not ours is kept once as `FILE.before-isthmus`: the configuration names the path, so it is ours to
   * write, but what stood there may be somebody's work.
   */
  async commit(): Promise<{readonly putBack: () => Promise<void>; readonly keep: () => Promise<void>}> {
    const old = await this.read()
    if (old !== null && birdTextHash(old) === null) await this.#keepForeign()
    const before = `${this.#path}.isthmus-old`
    if (old !== null) await writeBeside(before, old)
    await rename(this.#staged, this.#path)
    return {
      putBack: () => (old === null ? rm(this.#path, {force: true}) : rename(before, this.#path)),
      keep: () => rm(before, {force: true}),
    }
  }

  async #keepForeign(): Promise<void> {
    const beside = `${this.#path}${BIRD_FILE_BEFORE}.new`
    try {
      await copyFile(this.#path, beside)
      await link(beside, `${this.#path}${BIRD_FILE_BEFORE}`)
    } catch (error) {
      // There is one already: the first is the one that was there before us.
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    } finally {
      await rm(beside, {force: true})
    }
  }
}

async function writeBeside(path: string, text: string): Promise<void> {
  await rm(path, {force: true})
  const group = await groupId(BIRD_GROUP)
  const handle = await open(path, 'wx', MODE)
  try {
    await handle.writeFile(text)
    await handle.chmod(MODE)
    // BIRD has given up root when it reads the file again.
    if (group !== null && (await handle.stat()).gid !== group) await handle.chown(process.geteuid!(), group)
    await handle.sync()
  } catch (error) {
    // On a full disk half a file would be in the way of everybody.
    await rm(path, {force: true})
    throw error
  } finally {
    await handle.close()
  }
}

const readOrNull = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(ifMissing(null))

async function groupId(name: string): Promise<number | null> {
  const groups = (await readOrNull('/etc/group')) ?? ''
  const line = groups.split('\n').find((entry) => entry.startsWith(`${name}:`))
  const id = line?.split(':')[2]
  return id === undefined ? null : Number(id)
}
