import {readFile} from 'node:fs/promises'
import type {Logger} from 'pino'
import type {ConfigChange, ConfigControl, ConfigErrorCode, ConfigPending, ReloadResult} from '../api/index.ts'
import {parseGatewayConfig} from '../config/index.ts'
import type {WatchClock} from '../etcd/index.ts'
import {type Finding, formatFinding, type GatewayConfig} from '../model/index.ts'
import {
  addConfigVersion,
  type ConfigWay,
  leftToConfirmMs,
  loadConfigHistory,
  presentMoment,
  readConfigVersion,
  replaceConfigFile,
  saveConfigHistory,
} from '../store/index.ts'
import {fileSignature} from './file-signature.ts'
import {createTurnstile} from './slices.ts'
import {versionBefore} from './version-before.ts'

/** The configuration cannot be used; `findings` has every reason. */
export class ConfigRefused extends Error {
  readonly findings: readonly Finding[]
  constructor(findings: readonly Finding[]) {
    super(findings.map(formatFinding).join('\n'))
    this.findings = findings
  }
}

/** The configuration in force, where it comes from, and the way back. */
export interface Configuration {
  readonly control: ConfigControl
  /** The one that a start begins with. */
  readonly config: GatewayConfig
  reload(): Promise<ReloadResult>
  findings(): readonly Finding[]
  /** Takes a file that somebody has changed, and undoes what nobody confirms, until the signal. */
  follow(signal: AbortSignal): Promise<void>
}

export interface ConfigurationOptions {
  readonly file: string
  readonly clock: Pick<WatchClock, 'nowMs' | 'sleep'>
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Puts a configuration in force; settles when it is. */
  readonly put: (config: GatewayConfig) => Promise<void>
}

const EVERY_MS = 1000
/** A disk that was full a moment ago mostly still is. */
const AGAIN_MS = 10_000

interface Read {
  readonly text: string
  readonly config: GatewayConfig | null
  readonly findings: readonly Finding[]
}

async function readConfig(file: string): Promise<Read> {
  try {
    const text = await readFile(file, 'utf8')
    return {text, ...parseGatewayConfig(text, file)}
  } catch (error) {
    return {text: '', config: null, findings: [unreadable(file, reasonOf(error))]}
  }
}

/**
 * Reads the configuration, and first undoes a change that should have been confirmed while nobody was running. Throws
 * `ConfigRefused`. What happens to the configuration from then on happens here, one thing after the other.
 */
export async function openConfiguration({file, clock, log, put}: ConfigurationOptions): Promise<Configuration> {
  let read = await readConfig(file)
  if (!read.config) throw new ConfigRefused(read.findings)
  const {state: stateDir, run: runDir} = read.config.paths
  const loaded = await loadConfigHistory(stateDir)
  let {history} = loaded
  let undone: Finding | null = null
  let refused: readonly Finding[] = []

  const textOf = async (version: number): Promise<string> => (await readConfigVersion(stateDir, version)) ?? ''
  /** `kept` ones never were in force. */
  const current = (): number => history.versions.findLast(({how}) => how !== 'kept')?.version ?? 0
  const add = async (text: string, how: ConfigWay): Promise<void> => {
    history = await addConfigVersion(stateDir, history, text, how)
  }
  const settle = async (): Promise<void> => {
    history = await saveConfigHistory(stateDir, {...history, pending: null})
  }
  /** How what is in force came there, as long as the history could not be written. */
  let owed: ConfigWay | null = null
  let owedAgainMs = 0
  /**
   * That a text is in force and nothing waits any more; `how` null: the history has the text. Without a history a
   * configuration is as good as with one; it is written when there is room.
   */
  const remember = async (text: string, how: ConfigWay | null): Promise<void> => {
    history = {...history, pending: null}
    try {
      if (how === null) await saveConfigHistory(stateDir, history)
      else await add(text, how)
      owed = null
    } catch (error) {
      owed = how
      owedAgainMs = clock.nowMs() + AGAIN_MS
      log.warn({err: error}, 'history of the configuration not written')
    }
  }

  /** To be put back into the file: `follow` does it, as it does when the time is over. */
  let waits = false
  if (history.pending) {
    const {version, previous} = history.pending
    const isInFile = read.text === (await textOf(version))
    if (isInFile && (await leftToConfirmMs(history.pending)) <= 0) {
      const text = await textOf(previous)
      const before: Read = {text, ...parseGatewayConfig(text, file)}
      if (before.config) {
        // On a full disk it comes into force all the same, and into the file later on: a start that fails is an outage.
        await replaceConfigFile(file, text).catch((error) => {
          waits = true
          log.error({err: error, version, previous}, 'configuration was not confirmed; the file cannot be put back yet')
        })
        read = before
        if (!waits) {
          undone = rolledBack(version, previous)
          log.warn({version, previous}, 'configuration was not confirmed; the one before is in force again')
          await remember(text, 'rolled back')
        }
      } else log.error({version, previous}, 'configuration was not confirmed, and the one before cannot be used')
    } else if (!isInFile) await remember(read.text, null)
  }
  const isNew = current() === 0 || read.text !== (await textOf(current()))
  if (isNew && !waits) await remember(read.text, owed ?? 'found')

  let inForce = read.text
  /** Of what was last looked at in the file, in force or refused. */
  let seen = {text: read.text, signature: fileSignature(file)}
  let confirmByMs = history.pending ? clock.nowMs() + (await leftToConfirmMs(history.pending)) : null
  const gate = createTurnstile()
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    const leave = await gate.enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }

  const pending = (): ConfigPending | null => {
    if (!history.pending || confirmByMs === null) return null
    const {version, previous} = history.pending
    return {version, previous, leftSeconds: Math.max(0, Math.ceil((confirmByMs - clock.nowMs()) / 1000))}
  }
  const done = (unchanged: boolean, said: readonly Finding[] = []): ConfigChange => ({
    ...{ok: true, version: current(), unchanged, pending: pending(), findings: said},
  })
  const refuse = (code: ConfigErrorCode, message: string, said: readonly Finding[] = []): ConfigChange => ({
    ok: false,
    code,
    message,
    findings: said,
  })

  const noteInForce = (text: string): void => {
    inForce = text
    refused = []
    seen = {text, signature: fileSignature(file)}
  }

  /** Into the file and into force, or neither; the history has it already. */
  const putText = async (text: string, config: GatewayConfig): Promise<void> => {
    const before = inForce
    await replaceConfigFile(file, text)
    try {
      await put(config)
      noteInForce(text)
    } catch (error) {
      await replaceConfigFile(file, before)
      throw error
    }
  }

  /** What else may lie in the file, refused or not yet taken, is kept beside before another takes its place. */
  const keepEdited = async (): Promise<void> => {
    const {text} = await readConfig(file)
    if (text !== inForce && text !== '') await add(text, 'kept')
  }

  const putOnlyInFile = async (said: readonly Finding[]): Promise<ConfigChange> => {
    try {
      if ((await readConfig(file)).text !== inForce) {
        await keepEdited()
        await replaceConfigFile(file, inForce)
        noteInForce(inForce)
      }
      return done(true, said)
    } catch (error) {
      return refuse('config-unwritable', `nothing was changed: ${reasonOf(error)}`, said)
    }
  }

  const apply = async (text: string, confirmSeconds: number | null): Promise<ConfigChange> => {
    if (history.pending) {
      const words = `version ${history.pending.version} waits to be confirmed: \`isthmus config confirm\` or \`rollback\` first`
      return refuse('change-pending', words)
    }
    const {config, findings: said} = parseGatewayConfig(text, file)
    if (!config) return refuse('config-refused', 'the configuration was refused; the old one stays in force', said)
    if (config.paths.state !== stateDir || config.paths.run !== runDir) {
      return refuse('needs-restart', 'another paths.state or paths.run needs a restart: edit the file, then restart')
    }
    if (text === inForce) return putOnlyInFile(said)
    // Or what comes back, should nobody confirm, would not be what is in force now.
    if (owed !== null) return refuse('config-unwritable', 'nothing was changed: its history cannot be written', said)
    let kept = history
    const previous = current()
    try {
      await keepEdited()
      kept = history
      await add(text, 'applied')
      if (confirmSeconds !== null) {
        const withinMs = confirmSeconds * 1000
        const waiting = {version: current(), previous, since: await presentMoment(), withinMs}
        history = await saveConfigHistory(stateDir, {...history, pending: waiting})
        confirmByMs = clock.nowMs() + withinMs
      }
      await putText(text, config)
    } catch (error) {
      confirmByMs = null
      history = kept
      await remember(inForce, null)
      return refuse('config-unwritable', `nothing was changed: ${reasonOf(error)}`, said)
    }
    undone = null
    log.info({version: current(), confirmSeconds}, 'configuration applied')
    return done(false, said)
  }

  /** Puts a version in force again. */
  const putBack = async (version: number): Promise<ConfigChange> => {
    const text = await readConfigVersion(stateDir, version)
    if (text === null) return refuse('no-such-version', `there is no version ${version}: \`isthmus config history\``)
    const {config, findings: said} = parseGatewayConfig(text, file)
    if (!config) return refuse('config-refused', `version ${version} can no longer be used`, said)
    try {
      await keepEdited()
      await putText(text, config)
    } catch (error) {
      return refuse('config-unwritable', `not put back: ${reasonOf(error)}`)
    }
    confirmByMs = null
    await remember(text, 'rolled back')
    return done(false, said)
  }

  const rollback = async (version: number | null): Promise<ConfigChange> => {
    const before = () => versionBefore(history.versions, (one) => readConfigVersion(stateDir, one))
    const wanted = version ?? history.pending?.previous ?? (await before())
    if (wanted === undefined) return refuse('no-such-version', 'there is none before the one in force')
    undone = null
    const answer = await putBack(wanted)
    if (answer.ok) log.info({version: wanted}, 'configuration rolled back')
    return answer
  }

  const confirm = async (): Promise<ConfigChange> => {
    if (!history.pending) return refuse('nothing-pending', 'nothing waits to be confirmed')
    try {
      await settle()
    } catch (error) {
      return refuse('config-unwritable', `not confirmed: ${reasonOf(error)}`)
    }
    confirmByMs = null
    undone = null
    log.info({version: current()}, 'configuration confirmed')
    return done(true)
  }

  /** Who has looked at one version does not change another: looked at again when it is his turn. */
  const aloneIf = (expected: number | null = null, change: () => Promise<ConfigChange>): Promise<ConfigChange> =>
    alone(async () => {
      if (owed !== null) await remember(inForce, owed)
      if (expected === null || expected === current()) return change()
      return refuse('version-changed', `version ${current()} is in force, and not ${expected}: look at it first`)
    })

  /** What is in the file, into force. A change by hand leaves nothing to be confirmed. */
  const reload = async (): Promise<ReloadResult> => {
    const signature = fileSignature(file)
    const now = await readConfig(file)
    seen = {text: now.text, signature}
    for (const finding of now.findings) log.error({code: finding.code}, formatFinding(finding))
    refused = now.config ? [] : now.findings
    if (!now.config) {
      log.error('configuration refused; the old one stays in force')
      return {ok: false, findings: now.findings}
    }
    try {
      await put(now.config)
    } catch (error) {
      log.error({err: error}, 'configuration not put in force; the old one is again')
      refused = [notPut(file, reasonOf(error))]
      return {ok: false, findings: refused}
    }
    if (now.text !== inForce) {
      if (history.pending) log.warn('configuration changed by hand; nothing waits to be confirmed any more')
      confirmByMs = null
      await remember(now.text, 'found')
    }
    inForce = now.text
    log.info('configuration reloaded')
    return {ok: true, findings: now.findings}
  }

  /** A file that is being written is left alone until it rests. */
  let restless = seen.signature
  const look = async (): Promise<void> => {
    if (owed !== null && clock.nowMs() >= owedAgainMs) await remember(inForce, owed)
    if (confirmByMs !== null && clock.nowMs() >= confirmByMs && history.pending) {
      const {version, previous} = history.pending
      log.warn({version, previous}, 'configuration was not confirmed; the one before comes back')
      const answer = await putBack(previous)
      if (answer.ok) undone = rolledBack(version, previous)
      else {
        log.error({version, previous, code: answer.code}, answer.message)
        confirmByMs = clock.nowMs() + AGAIN_MS
      }
    }
    const signature = fileSignature(file)
    const rests = signature === restless
    restless = signature
    if (!rests || signature === seen.signature) return
    const {text} = await readConfig(file)
    if (text === seen.text) seen = {text, signature}
    else await reload()
  }

  return {
    config: read.config!,
    reload: () => alone(reload),
    findings: () => [...loaded.findings, ...refused, ...(undone ? [undone] : []), ...unconfirmed(pending())],
    follow: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(EVERY_MS, signal)
        if (signal.aborted) return
        await alone(look).catch((error) => log.error({err: error}, 'configuration not looked at'))
      }
    },
    control: {
      inForce: () => ({version: current(), text: inForce}),
      version: (version) => readConfigVersion(stateDir, version),
      history: () => ({versions: history.versions, inForce: current(), pending: pending()}),
      apply: (text, confirmSeconds, expected) => aloneIf(expected, () => apply(text, confirmSeconds)),
      confirm: (expected) => aloneIf(expected, confirm),
      rollback: (version, expected) => aloneIf(expected, () => rollback(version)),
    },
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const unreadable = (file: string, detail: string): Finding => ({
  code: 'config-unreadable',
  severity: 'error',
  where: {source: `config ${file}`},
  detail,
})

const notPut = (file: string, reason: string): Finding => ({
  code: 'config-invalid',
  severity: 'error',
  where: {source: `config ${file}`},
  detail: `it could not be put in force: ${reason}`,
  remedy: 'SIGHUP, or another edit, tries again; a restart of the daemon begins with it',
})

const rolledBack = (version: number, previous: number): Finding => ({
  code: 'config-rolled-back',
  severity: 'warning',
  where: {source: 'config'},
  detail: `version ${version} was not confirmed in time, and version ${previous} is in force again`,
  remedy: '`isthmus config history` shows both; the next change of the configuration ends this',
})

const unconfirmed = (pending: ConfigPending | null): readonly Finding[] =>
  pending === null
    ? []
    : [
        {
          code: 'config-unconfirmed',
          severity: 'warning',
          where: {source: 'config'},
          detail: `version ${pending.version} waits to be confirmed: in ${pending.leftSeconds} s version ${pending.previous} comes back`,
          remedy: '`isthmus config confirm` keeps it, `isthmus config rollback` undoes it at once',
        },
      ]
