import {spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

export const SOURCES = path.resolve(import.meta.dirname, '../../../appliance/image')
export const FILES = path.join(SOURCES, 'files')

interface Place {
  readonly at: (file: string) => string
  readonly write: (file: string, text: string) => void
  readonly run: (script: string, ...words: string[]) => {status: number | null; stderr: string}
  readonly remove: () => void
}

/** The appliance's scripts, with its folders below one of ours, and what they call replaced by what notes how it is called. */
export function makePlace(): Place {
  const root = mkdtempSync(path.join(tmpdir(), 'isthmus-image-scripts-'))
  const at = (file: string): string => path.join(root, file)
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(at(file)), {recursive: true})
    writeFileSync(at(file), text, {mode: 0o755})
  }
  const run = (script: string, ...words: string[]): {status: number | null; stderr: string} => {
    const text = readFileSync(path.join(FILES, script), 'utf8').replaceAll(
      /\/(?=(?:etc\/isthmus|var|run|boot|proc|dev\/disk)\/)/g,
      `${root}/`,
    )
    write('script', text)
    const {status, stderr} = spawnSync(at('script'), words, {
      encoding: 'utf8',
      env: {...process.env, PATH: `${root}/bin:${process.env.PATH}`},
    })
    return {status, stderr: stderr.replaceAll(root, '')}
  }
  return {at, write, run, remove: () => rmSync(root, {recursive: true})}
}
