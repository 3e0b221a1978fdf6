import type {Audit, AuditEntry, Changed} from '../api/index.ts'
import {unifiedDifference} from '../documents/index.ts'
import type {AuditLine, AuditLog} from '../store/index.ts'
import type {Configuration} from './configuration.ts'

/** A difference that is longer is cut: an entry must not fill a file. */
const MOST_CHARACTERS = 64 * 1024

export interface GatewayAudit extends Audit {
  /** Writes down what nobody has asked for: a file that was edited, a configuration that came back by itself. */
  look(): Promise<void>
}

export interface AuditOptions {
  readonly log: AuditLog
  readonly configuration: Pick<Configuration, 'control'>
  readonly wallIso: () => string
  readonly onError: (error: unknown) => void
}

/** Who has changed what, and what came of it: one line before a change and one after it. */
export function createAudit({log, configuration: {control}, wallIso, onError}: AuditOptions): GatewayAudit {
  let number = log.newest?.number ?? 0
  /** Changes of the configuration that are being made. */
  let under = 0
  const latest = (): number => control.history().versions.at(-1)?.version ?? 0
  /** The version up to which all is written down, each line with it: what was edited while nobody ran is seen at the start. */
  let seen = typeof log.newest?.version === 'number' ? log.newest.version : latest()

  const begin = async (
    entry: Pick<AuditEntry, 'via' | 'who' | 'address' | 'what'>,
    version = seen,
  ): Promise<number> => {
    const own = ++number
    await log.append({number: own, at: wallIso(), version, ...entry})
    return own
  }
  /** The change is made by then: that its end is not on disk is for the daemon's log. */
  const end = (own: number, result: string, changed: Changed | null): Promise<void> =>
    log.append({number: own, result, difference: differenceOf(changed), version: seen}).catch(onError)
  const textOf = async (version: number): Promise<string> => (await control.version(version)) ?? ''

  const noteUnasked = async (): Promise<void> => {
    // What somebody is changing right now is written down with him.
    if (under > 0) return
    const {versions} = control.history()
    const come = versions.filter(({version, how}) => version > seen && how !== 'kept' && how !== 'applied')
    for (const {version, how} of come) {
      const before = seen
      const isTimer = how === 'rolled back'
      const entry = {
        ...{via: isTimer ? ('timer' as const) : ('file' as const), address: null},
        who: isTimer ? 'the daemon: not confirmed in time' : 'whoever edited the file',
        what: `configuration version ${version} ${how}`,
      }
      const own = await begin(entry, version)
      seen = version
      await end(own, 'ok', {before: await textOf(before), after: await textOf(version)})
    }
  }
  /** One after the other, or two would write down the same. */
  let turn: Promise<void> = Promise.resolve()
  const inTurn = (): Promise<void> => {
    const work = turn.then(noteUnasked)
    turn = work.catch(() => undefined)
    return work
  }
  /** A full disk is told once, and what it kept from being written is written when there is room. */
  let isTold = false

  return {
    async begin({caller: {via, name, address}, what}) {
      // What came before is told before.
      await inTurn()
      const own = await begin({via, who: name, address, what})
      const isOfConfiguration = /^POST \/v1\/(config\/|reload)/.test(what)
      if (isOfConfiguration) under++
      return async ({result, changed}) => {
        if (isOfConfiguration) {
          under--
          seen = latest()
        }
        await end(own, result, changed)
      }
    },

    async look() {
      try {
        await inTurn()
        isTold = false
      } catch (error) {
        if (!isTold) onError(error)
        isTold = true
      }
    },

    async read(limit, before) {
      const entries: AuditEntry[] = []
      const ends = new Map<number, AuditLine>()
      for await (const line of log.backwards()) {
        if ('result' in line) {
          ends.set(line.number, line)
          continue
        }
        if (before !== null && line.number >= before) continue
        if (entries.length === limit) return {entries, more: true}
        entries.push(entryOf(line, ends.get(line.number)))
        ends.delete(line.number)
      }
      return {entries, more: false}
    },
  }
}

function differenceOf(changed: Changed | null): string | null {
  if (changed === null) return null
  const text =
    typeof changed === 'string' ? changed : unifiedDifference(changed.before, changed.after, ['before', 'after'])
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}\n… ${text.length} characters in all` : text
}

const VIA = ['socket', 'certificate', 'session', 'nobody', 'timer', 'file'] as const

/** The file is ours; a line of another version of us may lack something, and is shown with what it has. */
function entryOf(begun: AuditLine, ended: AuditLine | undefined): AuditEntry {
  const word = (value: unknown): string | null => (typeof value === 'string' ? value : null)
  return {
    number: begun.number,
    at: word(begun.at) ?? '',
    via: VIA.find((via) => via === begun.via) ?? 'nobody',
    who: word(begun.who) ?? '',
    address: word(begun.address),
    what: word(begun.what) ?? '',
    result: word(ended?.result),
    difference: word(ended?.difference),
  }
}
