import {readdir, readFile, stat} from 'node:fs/promises'
import path from 'node:path'
import {type Finding, parseSnapshot, type Snapshot} from '../model/index.ts'

/** A snapshot and the file that it came from. */
export interface SnapshotFile {
  readonly file: string
  readonly snapshot: Snapshot
}

/** Reads snapshot files, and all `*.jsonl` of folders, in order; what cannot be read is a finding, the rest counts. */
export async function readSnapshots(
  paths: readonly string[],
): Promise<{readonly files: readonly SnapshotFile[]; readonly findings: readonly Finding[]}> {
  const files: SnapshotFile[] = []
  const findings: Finding[] = []
  for (const given of paths) {
    try {
      for (const file of await filesAt(given)) {
        const {snapshot, findings: found} = parseSnapshot(await readFile(file, 'utf8'), file)
        findings.push(...found)
        if (snapshot) files.push({file, snapshot})
      }
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      findings.push({code: 'record-invalid', severity: 'error', where: {source: `snapshot ${given}`}, detail})
    }
  }
  return {files, findings}
}

async function filesAt(given: string): Promise<string[]> {
  if (!(await stat(given)).isDirectory()) return [given]
  const names = (await readdir(given)).filter((name) => name.endsWith('.jsonl')).sort()
  if (names.length === 0) throw new Error('the folder holds no *.jsonl')
  return names.map((name) => path.join(given, name))
}
