/** What the last probes of one tunnel and size say together. */
export interface ProbeReading {
  /** Probes that the window holds; all values but the last two are of these. */
  readonly probes: number
  /** 0 to 1; null before the first. */
  readonly lossRatio: number | null
  /** null where none was answered. */
  readonly minMs: number | null
  readonly avgMs: number | null
  readonly maxMs: number | null
  /** Of the last answer ever; null before it. */
  readonly lastMs: number | null
  /** Smoothed difference between neighbours, RFC 3550 section 6.4.1, over all answers; null before the second. */
  readonly jitterMs: number | null
  /** How many of the latest were all lost, or all answered; one of the two is 0. They count past the window. */
  readonly lostInRow: number
  readonly passedInRow: number
}

export interface ProbeWindow {
  /** A new process begins: its numbers start at 0. */
  restart(nowMs: number): void
  /** The fate of a probe; numbers that were left out are lost, one that is late already is. */
  note(sequence: number, rttMs: number | null, nowMs: number): void
  /** A probe of which nothing is said for this long is lost: fping says nothing of one that it could not send. */
  expire(nowMs: number): void
  reading(): ProbeReading
}

/** RFC 3550: the gain of 1/16 gives a good noise reduction ratio while it converges in reasonable time. */
const JITTER_GAIN = 1 / 16
/** A word that is about to come is not taken for silence, nor one that waits for us to read it. */
const SLACK_MS = 1000

/** The last `length` probes, one every `periodMs`, each known at the latest `timeoutMs` after it was sent. */
export function createProbeWindow(length: number, periodMs: number, timeoutMs: number): ProbeWindow {
  /** Round trips by number modulo length; NaN: lost. */
  const ring = new Float64Array(length)
  let count = 0
  let nextSequence = 0
  let heardMs = 0
  let lastMs: number | null = null
  let jitterMs: number | null = null
  let [lostInRow, passedInRow] = [0, 0]

  const add = (rttMs: number | null): void => {
    ring[count++ % length] = rttMs ?? Number.NaN
    nextSequence++
    if (rttMs === null) {
      lostInRow++
      passedInRow = 0
      return
    }
    passedInRow++
    lostInRow = 0
    if (lastMs !== null) {
      const difference = Math.abs(rttMs - lastMs)
      jitterMs = (jitterMs ?? 0) + (difference - (jitterMs ?? 0)) * JITTER_GAIN
    }
    lastMs = rttMs
  }

  return {
    restart(nowMs) {
      nextSequence = 0
      heardMs = nowMs
    },
    note(sequence, rttMs, nowMs) {
      if (sequence < nextSequence) return
      const leftOut = sequence - nextSequence
      for (let left = Math.min(leftOut, length); left > 0; left--) add(null)
      nextSequence = sequence
      add(rttMs)
      heardMs = nowMs
    },
    expire(nowMs) {
      while (nowMs - heardMs > periodMs + timeoutMs + SLACK_MS) {
        add(null)
        heardMs += periodMs
      }
    },
    reading() {
      const probes = Math.min(count, length)
      const answered = ring.subarray(0, probes).filter((rtt) => !Number.isNaN(rtt))
      const nothing = answered.length === 0
      return {
        probes,
        lossRatio: probes === 0 ? null : 1 - answered.length / probes,
        minMs: nothing ? null : Math.min(...answered),
        avgMs: nothing ? null : answered.reduce((sum, rtt) => sum + rtt, 0) / answered.length,
        maxMs: nothing ? null : Math.max(...answered),
        ...{lastMs, jitterMs, lostInRow, passedInRow},
      }
    },
  }
}
