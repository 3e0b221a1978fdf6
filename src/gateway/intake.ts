import {setImmediate as yieldTurn} from 'node:timers/promises'
import {decodeRecord} from '../decode/index.ts'
import type {Federation} from '../federate/index.ts'
import type {Decoded, DecodedBatch, SourceBatch, SourceId} from '../model/index.ts'
import type {RawMemory} from './raw-memory.ts'
import {inSlices, type Turnstile} from './slices.ts'

/** Up to so many records are taken at once: some 5 ms. */
const FEW = 200
/** Work on many small batches is laid aside this often. */
const SLICE_MS = 8

export interface IntakeOptions {
  readonly source: SourceId
  readonly federation: Federation
  readonly memory: RawMemory
  /** Whoever looks at the World enters it too, so that nobody sees half of a list. */
  readonly gate: Turnstile
  /** What of a batch is taken, when all before it has been. */
  readonly admitting?: (batch: SourceBatch) => Generator<void, SourceBatch>
  /** The batch is in the federation and in the memory. */
  readonly onTaken: (batch: SourceBatch, decoded: DecodedBatch['upserts']) => void
}

/** What one source says on its way into the federation. */
export interface Intake {
  take(batch: SourceBatch): void
  /** All that was taken is in. */
  settled(): Promise<void>
}

/**
 * Takes batches in their order: small ones at once, large ones in slices with turns for others between them. A large one is
 * in the World whole or not at all for whoever enters the gate, so a list's deletions come with its last record.
 */
export function createIntake(options: IntakeOptions): Intake {
  const queue: SourceBatch[] = []
  let working: Promise<void> | null = null
  let isWorking = false

  const work = async (): Promise<void> => {
    isWorking = true
    let untilMs = performance.now() + SLICE_MS
    for (let batch = queue.shift(); batch; batch = queue.shift()) {
      if (isSmall(batch) && !options.gate.isHeld) takeAtOnce(options, batch)
      else await takeAllWaiting(batch)
      if (performance.now() < untilMs) continue
      await yieldTurn()
      untilMs = performance.now() + SLICE_MS
    }
    // In the same turn as the last look at the queue, so that nothing is left lying in it.
    isWorking = false
  }
  /** One stay at the gate for all that came while it was closed; one batch a stay would be one batch a pass. */
  const takeAllWaiting = async (came: SourceBatch): Promise<void> => {
    const first = await inSlices(admittingOf(options, came))
    const upserts = await decodeInSlices(first)
    const leave = await options.gate.enter()
    try {
      await takeDecoded(options, first, upserts, false)
      for (let left = queue.length; left > 0; left--) {
        const batch = await inSlices(admittingOf(options, queue.shift()!))
        await takeDecoded(options, batch, await decodeInSlices(batch), false)
      }
    } finally {
      leave()
    }
  }
  return {
    take(batch) {
      if (!isWorking && isSmall(batch) && !options.gate.isHeld) return takeAtOnce(options, batch)
      queue.push(batch)
      if (!isWorking) working = work()
    },
    settled: async () => {
      while (isWorking) await working
    },
  }
}

const isSmall = ({type, upserts, deletes}: SourceBatch): boolean =>
  type === 'changes' && upserts.length + deletes.length <= FEW

function* admittingOf({admitting}: IntakeOptions, batch: SourceBatch): Generator<void, SourceBatch> {
  return admitting ? yield* admitting(batch) : batch
}

function takeAtOnce(options: IntakeOptions, came: SourceBatch): void {
  const {federation, memory, onTaken} = options
  const admitting = admittingOf(options, came)
  let admitted = admitting.next()
  while (!admitted.done) admitted = admitting.next()
  const batch = admitted.value
  const upserts: Decoded[] = []
  for (const steps = decoding(batch, upserts); !steps.next().done; );
  const decoded = {...batch, upserts}
  federation.update(decoded)
  memory.take(batch, decoded)
  onTaken(batch, upserts)
}

/** `restored`: from disk. */
export async function takeInSlices(options: IntakeOptions, batch: SourceBatch, restored: boolean): Promise<void> {
  const upserts = await decodeInSlices(batch)
  const leave = await options.gate.enter()
  try {
    await takeDecoded(options, batch, upserts, restored)
  } finally {
    leave()
  }
}

async function takeDecoded(
  {federation, memory, onTaken}: IntakeOptions,
  batch: SourceBatch,
  upserts: readonly Decoded[],
  restored: boolean,
): Promise<void> {
  const decoded: DecodedBatch = {...batch, upserts}
  await inSlices(federation.updating(decoded, restored))
  await inSlices(memory.taking(batch, decoded))
  onTaken(batch, upserts)
}

async function decodeInSlices(batch: SourceBatch): Promise<readonly Decoded[]> {
  const upserts: Decoded[] = []
  await inSlices(decoding(batch, upserts))
  return upserts
}

function* decoding({source, upserts}: SourceBatch, into: Decoded[]): Generator<void> {
  // `datastore main`, `export b`: how a source is named in findings.
  const name = source.replace('/', ' ')
  for (const record of upserts) {
    into.push(decodeRecord(record, name))
    yield
  }
}
