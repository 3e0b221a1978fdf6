import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'

/** Two labs would use the same names, so a machine has one at a time. */
export class LabBusy extends Error {}

/** When a process began, in ticks since boot (proc(5), field 22); null when there is none. A pid alone comes again. */
function beganAt(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in parentheses, may hold anything; what follows its last one is fields from the third on.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

/** Throws when a process other than this has the lab and lives; one that was killed has it no longer. */
export function refuseSecond(dir: string): void {
  let text: string
  try {
    text = readFileSync(join(dir, 'pid'), 'utf8')
  } catch {
    return
  }
  const [pid, began] = text.trim().split(' ')
  if (Number(pid) === process.pid || began === undefined || beganAt(Number(pid)) !== began) return
  throw new LabBusy(`A lab is running already (pid ${pid}); end it with Ctrl-C first.`)
}

/** Says that the lab is this process's. */
export function claim(dir: string): void {
  mkdirSync(dir, {recursive: true, mode: 0o755})
  writeFileSync(join(dir, 'pid'), `${process.pid} ${beganAt(process.pid)}\n`)
}
