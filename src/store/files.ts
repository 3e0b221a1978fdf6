import {chmod, mkdir, open, readFile, rename, rm, stat} from 'node:fs/promises'
import {dirname} from 'node:path'
import {type Finding, isMissing} from '../model/index.ts'

/** Nobody but the daemon's user (and root) reads what it keeps. */
const FILE_MODE = 0o600
const DIR_MODE = 0o700

/** Replaces a file whole: written beside, flushed to disk, renamed over. Makes its directory. */
export async function writeState(path: string, content: string | AsyncIterable<string>): Promise<void> {
  await mkdir(dirname(path), {recursive: true, mode: DIR_MODE})
  const beside = `${path}.new`
  try {
    const file = await open(beside, 'w', FILE_MODE)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    // On a full disk half a file would be in the way of everybody, of the next try too.
    await rm(beside, {force: true})
    throw error
  }
}

/** Adds to the end of a file, flushed to disk; `first` begins it where it is not there or empty. */
export async function appendState(path: string, first: string, content: string): Promise<void> {
  await mkdir(dirname(path), {recursive: true, mode: DIR_MODE})
  const file = await open(path, 'a', FILE_MODE)
  try {
    const {size} = await file.stat()
    await file.appendFile(size === 0 ? first + content : content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The file's text; null when it is not there. What else stands in the way is a finding. */
export async function readState(path: string): Promise<{text: string | null; findings: Finding[]}> {
  try {
    return {text: await readFile(path, 'utf8'), findings: []}
  } catch (error) {
    if (isMissing(error)) return {text: null, findings: []}
    return {text: null, findings: [unreadable(path, causeOf(error))]}
  }
}

/**
 * Puts a damaged file out of the way, for people to look at; one that was there before goes. Where the disk does not let it be
 * moved it stays: the same error may have damaged the one and made the other read-only, and a start must get past both.
 */
export async function setAside(path: string, detail: string): Promise<Finding> {
  const aside = `${path}.damaged`
  const remedy = await rename(path, aside).then(
    () => `it counts as absent, is written anew, and was kept as ${aside}`,
    (error: unknown) => `it counts as absent, and could not be put aside (${causeOf(error)}): look at the disk`,
  )
  return {...unreadable(path, detail), remedy}
}

/** Who reads what the daemon keeps: it itself, or somebody beside it, who changes nothing. */
export type Reader = 'keeper' | 'onlooker'

/** The finding of a damaged file, which its keeper puts out of the way. */
export const damaged = async (path: string, detail: string, reader: Reader): Promise<Finding> =>
  reader === 'keeper' ? await setAside(path, detail) : unreadable(path, detail)

const causeOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export function unreadable(path: string, detail: string, line?: number): Finding {
  return {
    code: 'state-unreadable',
    severity: 'warning',
    where: {source: `state ${path}`, ...(line === undefined ? {} : {line})},
    detail,
    remedy: 'it counts as absent and is written anew',
  }
}

/** Takes away what group and others may do with a secret's file; a finding when there was something. */
export async function closeToOthers(path: string): Promise<Finding[]> {
  const {mode} = await stat(path)
  if ((mode & 0o077) === 0) return []
  const is = await chmod(path, FILE_MODE).then(() => 'it is 600 again', causeOf)
  const was = (mode & 0o777).toString(8)
  return [
    {
      code: 'state-unreadable',
      severity: 'warning',
      where: {source: `state ${path}`},
      detail: `a private key was open to others (mode ${was}); ${is}`,
      remedy: 'make a new key if somebody may have read it: delete the file and restart',
    },
  ]
}
