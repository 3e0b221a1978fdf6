import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {DAEMON} from './gateway-daemon.ts'
import {kill, pidsIn, until} from './processes.ts'

/** What runs at a gateway or a datastore: `etcd` is all members, `leader` the one that leads. */
export type Part = 'isthmus' | 'bird' | 'etcd' | 'etcd1' | 'etcd2' | 'etcd3' | 'leader'

/** Processes of one part in a namespace, by what their command line says; etcd's relay is none of its members. */
export async function pidsOf(namespace: string, part: 'isthmus' | 'bird' | 'etcd', dir: string): Promise<number[]> {
  const pids = await pidsIn(namespace)
  return pids.filter((pid) => {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      if (part === 'etcd') return argv[0]?.endsWith('etcd') && argv[1] !== 'gateway'
      return argv.includes(part === 'isthmus' ? DAEMON : join(dir, 'bird.conf'))
    } catch {
      return false
    }
  })
}

/** Signals processes, which must be there; waits until those that were killed are gone. */
export async function signalPart(what: string, pids: readonly number[], signal: NodeJS.Signals): Promise<void> {
  const at = what.lastIndexOf('/')
  if (pids.length === 0) throw new Error(`no ${what.slice(at + 1)} runs at ${what.slice(0, at)}`)
  for (const pid of pids) kill(pid, signal)
  if (signal !== 'SIGKILL') return
  await until(`${what} dead`, async () => (pids.every((pid) => !lives(pid)) ? true : null))
}

/** A zombie has no command line. */
function lives(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
  } catch {
    return false
  }
}
