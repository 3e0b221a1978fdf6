import {statSync} from 'node:fs'

/** Another one whenever the file was written or replaced; what cannot be looked at has one too. */
export function fileSignature(path: string): string {
  try {
    const {ino, size, mtimeMs, ctimeMs} = statSync(path)
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch {
    return 'absent'
  }
}
