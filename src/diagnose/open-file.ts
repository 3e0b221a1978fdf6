/** What is wrong with a secret's file that everybody on this machine can read or write; null: nothing. `mode` null: not known. */
export function openToAll(file: string, mode: number | null): string | null {
  if (mode === null || (mode & 0o007) === 0) return null
  return `${file} is open to everybody on this machine (mode ${mode.toString(8).padStart(4, '0')})`
}
