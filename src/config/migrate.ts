import {type Document, isMap, parseDocument} from 'yaml'

/** What one version of gateway.yaml says otherwise than the one before it. */
export interface ConfigStep {
  /** It makes `from + 1` of `from`. */
  readonly from: number
  /** For people: what becomes of what. */
  readonly what: string
  /** Changes keys, not texts, so that comments and order stay. `version` is raised by the caller. */
  readonly apply: (document: Document) => void
}

/** The version that this Isthmus reads. */
export const CONFIG_VERSION = 1

/** In order, one for each version that is past. A test holds the last one to `CONFIG_VERSION`. */
export const CONFIG_STEPS: readonly ConfigStep[] = []

export type Migration =
  | {
      readonly ok: true
      readonly from: number
      readonly to: number
      readonly text: string
      readonly done: readonly string[]
    }
  | {readonly ok: false; readonly detail: string; readonly remedy: string}

/** A text of any earlier version as one of the present version; one that is present already stays byte for byte. */
export function migrateConfig(
  text: string,
  {
    steps = CONFIG_STEPS,
    version = CONFIG_VERSION,
  }: {readonly steps?: readonly ConfigStep[]; readonly version?: number} = {},
): Migration {
  const document = parseDocument(text, {prettyErrors: false, logLevel: 'error'})
  if (document.errors.length > 0 || !isMap(document.contents)) {
    return {ok: false, detail: 'not YAML with keys', remedy: '`isthmus check` says where'}
  }
  const from: unknown = document.get('version')
  if (typeof from !== 'number' || !Number.isInteger(from) || from < 1) {
    return {
      ok: false,
      detail: `version is ${JSON.stringify(from) ?? 'missing'}`,
      remedy: `a whole number from 1 to ${version}`,
    }
  }
  if (from > version) return {ok: false, ...newerVersion(from, version)}
  const needed = steps.filter((step) => step.from >= from)
  if (needed.length === 0) return {ok: true, from, to: version, text, done: []}
  for (const {from: at, apply} of needed) {
    apply(document)
    document.set('version', at + 1)
  }
  return {ok: true, from, to: version, text: document.toString({lineWidth: 0}), done: needed.map(({what}) => what)}
}

/** Says it, where a file is read, and where it is migrated. */
export const newerVersion = (from: number, version: number = CONFIG_VERSION) => ({
  detail: `version ${from} is newer than this Isthmus, which reads ${version}`,
  // The daemon that would tell the history may not run: it refuses this file.
  remedy: 'install the Isthmus that it was written for, or take a file from before (/var/lib/isthmus/config)',
})

export const olderVersion = (from: number) => ({
  detail: `version ${from} is older than this Isthmus, which reads ${CONFIG_VERSION}`,
  remedy: '`isthmus config migrate --dry-run` shows what it becomes, without --dry-run it is written',
})
