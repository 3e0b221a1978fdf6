/** One object; `text` null deletes. Done only if the key still has this revision, 0 if it must not be there. */
interface ObjectWrite {
  readonly key: string
  readonly text: string | null
  readonly modRevision: number
}

/** A key that must still be the one that was created then: the lease of whoever may write. */
export interface WriteGuard {
  readonly key: string
  readonly createRevision: number
}

/** What holds for each transaction as a whole. */
export interface WriteTerms {
  readonly guards: readonly WriteGuard[]
  /** Keys that must not be newer than `since`. */
  readonly quiet: readonly string[]
  readonly since: number
}

/** The datastore, as this needs it; the etcd station has the real one. */
export interface ObjectStore {
  swap(wanted: WriteTerms & {readonly changes: readonly ObjectWrite[]; readonly existing: readonly string[]}): Promise<{
    readonly revision: number
  } | null>
}

export interface WriteReport {
  /** Keys that somebody else changed meanwhile, or that the terms did not hold for: nothing of these was written. */
  readonly refused: readonly string[]
  /** Why it ended early; null: it did not. */
  readonly failure: string | null
}

/** etcd takes 128 comparisons and as many writes a transaction, and 1.5 MiB, unless told otherwise. */
const OPERATIONS = 100
const BYTES = 1_000_000
/** So many single refusals on end, and it is the terms that do not hold. */
const REFUSALS = 5

/**
 * Writes objects that others may write too, in their order: each transaction compares the revision of every key in it, so that
 * nothing is ever put over what somebody else did meanwhile. Where one is refused its objects are written one by one, since
 * one stranger's change must not hold up the others.
 */
export async function writeObjects(
  store: ObjectStore,
  changes: readonly ObjectWrite[],
  terms: WriteTerms,
  onWritten: (changes: readonly ObjectWrite[], revision: number) => void,
  signal: AbortSignal,
): Promise<WriteReport> {
  const refused: string[] = []
  // What goes is behind what comes in its place: where that did not come, it stays for this time.
  let isPutRefused = false
  const refuse = ({key, text}: ObjectWrite): void => {
    refused.push(key)
    isPutRefused ||= text !== null
  }
  const attempt = async (part: readonly ObjectWrite[]): Promise<boolean> => {
    signal.throwIfAborted()
    const done = await store.swap({...terms, changes: part, existing: []})
    if (done) onWritten(part, done.revision)
    return done !== null
  }
  try {
    let onEnd = 0
    for (const part of transactions(changes)) {
      const isTried = !isPutRefused
      if (isTried && (await attempt(part))) continue
      for (const one of part) {
        const isHopeless = (isTried && part.length === 1) || onEnd >= REFUSALS || (isPutRefused && one.text === null)
        const isWritten = !isHopeless && (await attempt([one]))
        onEnd = isWritten ? 0 : onEnd + 1
        if (!isWritten) refuse(one)
      }
    }
    return {refused, failure: null}
  } catch (error) {
    if (signal.aborted) return {refused, failure: 'stopped'}
    return {refused, failure: error instanceof Error ? error.message : String(error)}
  }
}

function* transactions(changes: readonly ObjectWrite[]): Generator<readonly ObjectWrite[]> {
  let part: ObjectWrite[] = []
  let bytes = 0
  for (const change of changes) {
    const size = 2 * change.key.length + Buffer.byteLength(change.text ?? '')
    if (part.length === OPERATIONS || (part.length > 0 && bytes + size > BYTES)) {
      yield part
      ;[part, bytes] = [[], 0]
    }
    part.push(change)
    bytes += size
  }
  if (part.length > 0) yield part
}
