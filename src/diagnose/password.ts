import type {Finding, PasswordFileFacts} from '../model/index.ts'
import {openToAll} from './open-file.ts'
import {unreadableRemedy} from './unreadable.ts'

/** What is wrong with the file of the password that `source` is reached with. */
export function judgePassword(source: string, {file, fault, mode}: PasswordFileFacts): Finding[] {
  const where = {source, field: 'user.password.file'}
  const findings: Finding[] = []
  if (fault) {
    const remedy = fault.code === 'malformed' ? 'one line is wanted, the password' : unreadableRemedy(fault.code)
    findings.push({code: 'password-unreadable', severity: 'error', where, detail: `${file}: ${fault.detail}`, remedy})
  }
  const open = openToAll(file, mode)
  if (open)
    findings.push({code: 'password-open', severity: 'warning', where, detail: open, remedy: `chmod 0600 ${file}`})
  return findings
}
