import {
  type ActualNft,
  type Driver,
  JUDGED_BEYOND,
  type NftStep,
  type Outcome,
  type StepKey,
  type UdpPorts,
} from '../../model/index.ts'
import {StepFailure} from '../failure.ts'
import {inSlices} from '../slices.ts'
import {createBatchSocket} from './batch-socket.ts'
import {type BatchMessage, encodeElements} from './element-batch.ts'
import {
  type DriverFastPath,
  followJudgement,
  isJudgementAlone,
  isOfFastPath,
  NO_FAST_PATH,
  takeUpPorts,
} from './fast-path-steps.ts'
import {
  changedWays,
  FAMILY,
  firstGeneration,
  type GenerationHalf,
  generationMessages,
  generationScript,
  hasGenerationSets,
  heldGeneration,
  heldWays,
  isOfHalf,
  nextGeneration,
  rememberWays,
  setHeldGeneration,
} from './generation.ts'
import {Held} from './held.ts'
import {createJudgedTurns, type JudgedCounts} from './judged-turns.ts'
import {parseListing, parseRuleTexts} from './listing.ts'
import {type CounterValue, createNetfilter} from './netfilter.ts'
import {failed, shortened} from './outcomes.ts'
import {createNftRunner, type NftRunner} from './runner.ts'
import {BadStep, redeclares, tryCompose} from './transaction.ts'

const POLL_MS = 500
/** Full reads caused by other people's commits take at most this part of the time. */
const READ_SHARE = 0.2
/** ERESTART: the kernel's commit number is another than the one that a transaction was to stand on. */
const COMMITTED_SINCE = 85

export interface NftDriver extends Driver<ActualNft | null, NftStep> {
  readonly kind: NftRunner['kind']
  /** The policy's number in conntrack marks; known after the first read. */
  generation(): number
  /**
   * Makes every flow that was judged so far be judged again: sets the next number in one transaction and returns it.
   * Call it after the maps of the new policy are in force. Throws StepFailure.
   */
  raiseGeneration(): Promise<number>
  /** Counters of what was dropped. */
  readCounters(): Promise<ReadonlyMap<string, CounterValue>>
  /**
   * What was judged since the last call, from which on it is counted anew. The first call of a process also gives what
   * the one before has left, by its class numbers. Throws StepFailure; what was not given then comes the next time.
   */
  takeJudged(): Promise<JudgedCounts>
  /** Calls back when somebody else has committed something; returns the end of it. */
  watch(onChange: (what: string) => void): () => void
  /** The next read is a full one. */
  distrust(): void
  close(): Promise<void>
}

export interface NftDriverOptions {
  readonly table?: string
  readonly runner?: NftRunner
  /** Asked each time: another one is in force after the next full read. */
  readonly half?: () => GenerationHalf
  /** Shut while this table changes what it trusts. */
  readonly fastPath?: DriverFastPath
  readonly nowMs?: () => number
}

/**
 * One table, in whole transactions. What the kernel holds is remembered from our own; read in full only at start, after
 * a failure, and when the kernel's commit number says that somebody else has committed (any table: nf_tables counts for
 * the namespace). What `read` returns is live: true until the next `apply`.
 */
export function createNftDriver({
  table = 'isthmus',
  runner = createNftRunner(),
  half = () => 'even',
  fastPath = NO_FAST_PATH,
  nowMs = Date.now,
}: NftDriverOptions = {}): NftDriver {
  const netfilter = createNetfilter()
  const batches = createBatchSocket()
  let held: Held | null = null
  /** What `read` gave last, hence what steps are the difference to. */
  let given: Held | null = null
  let trusted = false
  let suspect = false
  let isTakenOver = false
  let commit = -1
  let generation: number | null = null
  /** Since flows were to be judged anew last: those that are trusted still have passed nothing else that changed. */
  let onlyJudgement = false
  let udpPorts: UdpPorts | null = null
  let readEndMs = 0
  let readCostMs = 0
  let last: Promise<unknown> = Promise.resolve()

  /** One at a time: the runner's context, and the memory of what is held. */
  function queued<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }

  function known(): number {
    if (generation === null) throw new Error('generation asked before the first read')
    return generation
  }

  const judged = createJudgedTurns({table, netfilter, run, commit: commitBatch, queued})

  async function readAll(): Promise<void> {
    const start = performance.now()
    trusted = false
    if (!isTakenOver) await fastPath.takeOver()
    isTakenOver = true
    // Before all else: at rest it keeps nothing out, and no difference of rules or elements tells so.
    if (await netfilter.isDormant(table)) {
      const refusal = await run(`add table ${FAMILY} ${table}`)
      if (refusal !== null) throw new StepFailure('refused', `table ${table} is dormant and stays so: ${refusal}`)
    }
    await judged.clear()
    const before = await netfilter.commit()
    const written = heldWays(held)
    held = null
    if (await netfilter.hasTable(table)) {
      const json = await runner.list(`list table ${FAMILY} ${table}`, 'json')
      if (json === null) throw new StepFailure('failed', `table ${table} cannot be listed`)
      held = parseListing(json)
    }
    const after = await netfilter.commit()
    commit = before
    suspect = after !== before
    trusted = true
    const own = half()
    const found = heldGeneration(held) ?? generation
    rememberWays(held, written, found)
    generation = found ?? firstGeneration(nowMs(), own)
    if (!isOfHalf(generation, own)) generation = nextGeneration(generation, own)
    if (hasGenerationSets(held) && heldGeneration(held) !== generation) await writeGeneration(held, generation)
    fastPath.shut()
    fastPath.forgetJudgement()
    if (held) {
      held.fastPath = await fastPath.devices()
      await takeUpPorts(fastPath, udpPorts, held)
    }
    openAnew()
    readEndMs = performance.now()
    readCostMs = readEndMs - start
  }

  /** Runs a script; null when it is in force. Notices a commit by somebody else in between. */
  async function run(script: string): Promise<string | null> {
    const refusal = await runner.run(script)
    await noteCommit(refusal === null)
    return refusal
  }

  /** The same for messages that may stand on top of anybody's commit. */
  async function commitBatch(messages: readonly BatchMessage[]): Promise<boolean> {
    const isInForce = (await batches.commit(messages, null)) === 0
    await noteCommit(isInForce)
    return isInForce
  }

  async function noteCommit(isInForce: boolean): Promise<void> {
    const now = await netfilter.commit()
    if (now !== commit + (isInForce ? 1 : 0)) suspect = true
    if (isInForce) commit = now
  }

  async function writeGeneration(into: Held, number: number): Promise<void> {
    const messages = generationMessages(table, into, number)
    fastPath.shut()
    if (messages && (await batches.commit(messages, commit)) === 0) commit++
    else {
      const refusal = await run(generationScript(table, number, heldWays(into)))
      if (refusal !== null) {
        trusted = false
        throw new StepFailure('refused', refusal)
      }
    }
    setHeldGeneration(into, number)
    fastPath.open(onlyJudgement)
    onlyJudgement = true
  }

  /** Behind a change of more than what flows are judged by. */
  function openAnew(): void {
    onlyJudgement = false
    fastPath.open()
  }

  /** Whether steps that are only elements are in force, by the short way; if not, nothing has changed. */
  async function putElements(steps: readonly NftStep[], staysShut: boolean): Promise<boolean> {
    const messages = await inSlices(encodeElements(table, steps, held))
    if (!messages) return false
    // What flows are trusted by is as it was; what they are judged by is not.
    const isJudging = fastPath.judges()
    if (isJudging) fastPath.shut()
    const isInForce = await commitElements(messages)
    if (isInForce) {
      taken(steps)
      await followJudgement(fastPath, steps)
    }
    const isAlone = !isInForce || isJudgementAlone(steps)
    onlyJudgement &&= isAlone
    if (isJudging && !staysShut) fastPath.open(isAlone)
    return isInForce
  }

  async function commitElements(messages: readonly BatchMessage[]): Promise<boolean> {
    const errno = await batches.commit(messages, commit)
    if (errno === 0) {
      if (messages.length > 0) commit++
      return true
    }
    // Mostly to a table of his own, where somebody does so all the time; else the next read puts it right. By text a million take minutes.
    return errno === -COMMITTED_SINCE && (await commitBatch(messages))
  }

  function taken(steps: readonly NftStep[]): Held {
    const isWhole = held === given
    held ??= new Held()
    held.apply(steps, isWhole)
    if (isWhole) given = held
    return held
  }

  async function attempt(steps: readonly NftStep[]): Promise<readonly Outcome[]> {
    // A way's number may come to mean another way, and a flow must not be trusted on that one. Written as they are, ways
    // would bear no generation at all.
    const hasWays = changedWays(held, steps) !== null
    const ofTable = steps.filter((step) => !isOfFastPath(step))
    const ofFastPath = steps.filter(isOfFastPath)
    if (ofTable.length > 0 && (hasWays || !(await putElements(ofTable, ofFastPath.length > 0)))) {
      const outcomes = await putScript(steps, ofTable, hasWays)
      if (outcomes) return outcomes
    } else if (ofFastPath.length === 0) return steps.map(({key}) => ({ok: true, step: key}))
    fastPath.shut()
    for (const step of ofFastPath) {
      if (step.do === 'udp-ports') {
        udpPorts = step.ports
        await takeUpPorts(fastPath, udpPorts, held)
      } else {
        await fastPath.follow(step.devices)
        if (held) held.fastPath = step.devices
      }
    }
    openAnew()
    return steps.map(({key}) => ({ok: true, step: key}))
  }

  /** What failed; null where all is in force, and the fast path shut. */
  async function putScript(
    all: readonly NftStep[],
    steps: readonly NftStep[],
    hasWays: boolean,
  ): Promise<readonly Outcome[] | null> {
    const own = known()
    const number = hasWays ? nextGeneration(own, half()) : own
    const texts = redeclares(steps, held) ? await runner.list(`list table ${FAMILY} ${table}`, 'text') : null
    const input = {table, steps, held, generation: number, ruleTexts: parseRuleTexts(texts ?? '')}
    const lines = tryCompose(input)
    if (lines instanceof BadStep) return failed(all, new Map([[lines.step, lines.message]]))
    if (lines.length === 0) return null
    fastPath.shut()
    const script = `${lines.map(({text}) => text).join('\n')}\n`
    const refusal = await run(script)
    if (refusal !== null) {
      trusted = false
      const causes = new Map<StepKey, string>()
      for (const {line, words} of await runner.explain(script)) {
        const step = lines[line - 1]?.step
        if (step && !causes.has(step)) causes.set(step, `${words}: ${shortened(lines[line - 1]!.text)}`)
      }
      return failed(all, causes, refusal)
    }
    const now = taken(steps)
    await followJudgement(fastPath, steps)
    judged.applied(steps)
    generation = number
    if (hasGenerationSets(now)) setHeldGeneration(now, number)
    return null
  }

  return {
    name: 'nft',
    atomic: true,
    kind: runner.kind,

    read: (signal) =>
      queued(async () => {
        signal.throwIfAborted()
        if (!trusted) await readAll()
        given = held
        return held
      }),

    apply: (steps, signal) =>
      queued(async () => {
        signal.throwIfAborted()
        if (steps.length === 0) return []
        try {
          if (!trusted) await readAll()
          const outcomes = await attempt(steps)
          // Refused, and somebody else was at it: what we remembered was wrong, so once more from what is.
          if (!suspect || outcomes.every(({ok}) => ok)) return outcomes
          await readAll()
          return await attempt(steps)
        } catch (error) {
          trusted = false
          if (!(error instanceof StepFailure)) throw error
          const {code, message} = error
          return steps.map(({key}) => ({ok: false, step: key, code, cause: message}))
        }
      }),

    generation: known,

    raiseGeneration: () =>
      queued(async () => {
        if (!trusted) await readAll()
        const number = nextGeneration(known(), half())
        if (hasGenerationSets(held)) await writeGeneration(held, number)
        generation = number
        return number
      }),

    async readCounters() {
      const counters = new Map(await netfilter.counters(table))
      counters.delete(JUDGED_BEYOND)
      return counters
    },

    takeJudged: judged.take,

    watch(onChange) {
      let busy = false
      const tick = async (): Promise<void> => {
        if (busy || !trusted) return
        busy = true
        try {
          await queued(async () => {
            if (!trusted) return
            suspect ||= (await netfilter.commit()) !== commit
            if (!suspect) return
            const quietMs = performance.now() - readEndMs
            const isDue = quietMs >= readCostMs / READ_SHARE
            // To see that all is gone takes no reading.
            if (!isDue && (held === null) === !(await netfilter.hasTable(table))) return
            trusted = false
            onChange('nft tables')
          })
        } catch (error) {
          if (!(error instanceof StepFailure)) throw error
          trusted = false
          onChange(`nft: ${error.message}`)
        } finally {
          busy = false
        }
      }
      const timer = setInterval(() => void tick(), POLL_MS)
      timer.unref()
      return () => clearInterval(timer)
    },

    distrust() {
      trusted = false
    },

    close: () =>
      queued(async () => {
        runner.close()
        netfilter.close()
        batches.close()
        judged.close()
      }),
  }
}
