import {closeSync, constants, openSync, readFileSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {type Driver, type Outcome, type SysctlSpec, type SysctlStep, sysctlHolds, sysctlKey} from '../../model/index.ts'
import {failureOf, outcomeOf} from '../failure.ts'

const ROOT = '/proc/sys'

/**
 * Files under /proc/sys of the process's network namespace. `wanted` says which ones a read is about, since /proc/sys
 * has thousands; one that cannot be read (no such device yet, no such module) is left out, and so are sizes that only the machine's
 * first network namespace may set.
 */
export function createSysctlDriver(
  wanted: () => readonly SysctlSpec[],
  /** Told what is about to be changed, and was so far. */
  before: (values: ReadonlyMap<string, string>) => Promise<void> = async () => undefined,
): Driver<ReadonlyMap<string, string>, SysctlStep> {
  return {
    name: 'sysctl',
    atomic: false,

    async read(signal) {
      const values = new Map<string, string>()
      for (const spec of wanted()) {
        signal.throwIfAborted()
        const value = spec.isLeast && !isOurs(spec) ? null : read(spec)
        if (value !== null) values.set(sysctlKey(spec), value)
      }
      return values
    },

    async apply(steps, signal) {
      const outcomes: Outcome[] = []
      const changing = steps.flatMap(({spec}): [string, string][] => {
        const value = read(spec)
        return value === null || sysctlHolds(spec, value) ? [] : [[sysctlKey(spec), value]]
      })
      if (changing.length > 0) await before(new Map(changing))
      for (const {key, spec} of steps) {
        signal.throwIfAborted()
        // Some files act on being written (ip_forward resets others), so what already holds is left alone.
        outcomes.push(
          await outcomeOf(key, async () => {
            const value = read(spec)
            if (value === null || !sysctlHolds(spec, value)) await writeFile(fileOf(spec), spec.value, {flag: 'r+'})
          }),
        )
      }
      return outcomes
    },
  }
}

/** At once: the kernel answers from memory, and the way over a thread takes fifty times as long. */
function read(spec: SysctlSpec): string | null {
  try {
    // Values of several numbers are separated by tabs.
    return readFileSync(fileOf(spec), 'utf8').trim().replaceAll(/\s+/g, ' ')
  } catch (error) {
    failureOf(error)
    return null
  }
}

/** Not by access(2), which knows nothing of capabilities. */
function isOurs(spec: SysctlSpec): boolean {
  try {
    closeSync(openSync(fileOf(spec), constants.O_WRONLY))
    return true
  } catch (error) {
    failureOf(error)
    return false
  }
}

function fileOf(spec: SysctlSpec): string {
  for (const part of spec.path) {
    if (part === '' || part === '.' || part === '..' || part.includes('/')) throw new Error(`sysctl path ${spec.path}`)
  }
  return join(ROOT, ...spec.path)
}
