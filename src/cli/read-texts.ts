import {readdir, stat} from 'node:fs/promises'
import path from 'node:path'
import type {SourceText} from '../documents/index.ts'
import type {Finding} from '../model/index.ts'
import {readInput} from './read-input.ts'

const DOCUMENT_FILE = /\.(?:ya?ml|json)$/

/**
 * The texts that somebody named: files, `-` for standard input, and folders with all that is YAML or JSON in them and
 * below, in the order of their names. Files that are hidden are left out; links are followed, since a mounted
 * ConfigMap consists of them.
 */
export async function readTexts(
  paths: readonly string[],
): Promise<{readonly texts: readonly SourceText[]; readonly findings: readonly Finding[]}> {
  const texts: SourceText[] = []
  const findings: Finding[] = []
  const fail = (file: string, detail: string): void => {
    findings.push({code: 'document-unreadable', severity: 'error', where: {source: `file ${file}`}, detail})
  }
  for (const given of paths) {
    try {
      const files = given === '-' ? ['-'] : await filesAt(given)
      if (files.length === 0) fail(given, 'the folder holds no *.yaml, *.yml or *.json')
      for (const file of files) {
        texts.push({file, text: await readInput(file)})
      }
    } catch (error) {
      fail(given, error instanceof Error ? error.message : String(error))
    }
  }
  return {texts, findings}
}

async function filesAt(given: string): Promise<string[]> {
  if (!(await stat(given)).isDirectory()) return [given]
  const names = (await readdir(given)).filter((name) => !name.startsWith('.')).sort()
  const files: string[] = []
  for (const name of names) {
    const inner = path.join(given, name)
    if ((await stat(inner)).isDirectory()) files.push(...(await filesAt(inner)))
    else if (DOCUMENT_FILE.test(name)) files.push(inner)
  }
  return files
}
