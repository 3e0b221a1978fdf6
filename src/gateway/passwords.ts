import {readFile, stat} from 'node:fs/promises'
import {openToAll} from '../diagnose/index.ts'
import type {Finding, GatewayConfig} from '../model/index.ts'

/** BGP secrets, read anew for each pass that follows a reload; a file that cannot be read is a finding, not a stop. */
export async function readPasswords(
  config: GatewayConfig,
): Promise<{passwords: ReadonlyMap<string, string>; findings: readonly Finding[]}> {
  const passwords = new Map<string, string>()
  const findings: Finding[] = []
  for (const {name, passwordFile} of config.peers) {
    if (passwordFile === null) continue
    try {
      passwords.set(passwordFile, (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, ''))
      const {mode} = await stat(passwordFile)
      const detail = openToAll(passwordFile, mode & 0o7777)
      if (detail) findings.push(openSecret(name, passwordFile, detail))
    } catch (error) {
      findings.push({
        code: 'peer-secret-unreadable',
        severity: 'error',
        where: {source: `config peers ${name}`, field: 'password.file'},
        detail: `${passwordFile}: ${error instanceof Error ? error.message : String(error)}`,
        remedy: 'the session stays down until the file can be read by the user that runs isthmus',
      })
    }
  }
  return {passwords, findings}
}

const openSecret = (name: string, file: string, detail: string): Finding => ({
  code: 'peer-secret-open',
  severity: 'warning',
  where: {source: `config peers ${name}`, field: 'password.file'},
  detail,
  remedy: `chmod 0600 ${file}, and another password if somebody may have read it`,
})
