import {readdir, readFile} from 'node:fs/promises'
import {join} from 'node:path'

/**
 * Secrets that this machine knows, by the files in which they lie: those that configurations name (passwords, keys of
 * certificates), WireGuard's keys, and what stands between quotes behind `password` in BIRD's configuration. `texts` are
 * configurations, in force or not, whole or not: a file that is refused names its secrets too.
 */
export async function readSecrets(texts: readonly string[], stateDir: string, birdText: string): Promise<string[]> {
  const named = texts.flatMap((text) => [...text.matchAll(/["']?\b(?:file|key)["']?\s*:\s*["']?(\/[^\s"',}\]]+)/g)])
  const keys = join(stateDir, 'keys')
  const ours = (await readdir(keys).catch(() => []))
    .filter((name) => name.endsWith('.key'))
    .map((name) => join(keys, name))
  const files = [...new Set([...named.map(([, file]) => file!), ...ours])]
  const contents = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
  const birds = [...birdText.matchAll(/\bpassword\s+"((?:[^"\\]|\\.)*)"/g)].map(([, value]) => value!)
  return [...contents.filter((text) => text.length < 1 << 20), ...birds].filter((text) => text.trim() !== '')
}
