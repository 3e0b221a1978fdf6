import {startFping} from './fping.ts'
import {AS_CONTROL, familyFlag, headerBytes, type ProbedTunnel} from './groups.ts'

/** No link layer has an odd one, and one step less to take. */
const STEP = 2
const TRIES = 4
const TRY_MS = {least: 100, most: 2000}
/** A full-size packet may take longer than the small ones that were measured. */
const TRY_RTTS = 4

/**
 * The largest of these sizes that passes, by halving; null where not even the smallest does. At most twelve questions
 * for any two sizes of Ethernet. What `passes` says of one size must hold for all on that side of it. Where `low` is known
 * to pass, the next larger one is asked instead: mostly nothing has changed, and that is known after two questions.
 */
export async function largestPassing(
  {low, high, lowPasses}: {readonly low: number; readonly high: number; readonly lowPasses: boolean},
  passes: (size: number) => Promise<boolean>,
): Promise<number | null> {
  if (await passes(high)) return high
  const first = lowPasses ? low + STEP : low
  if (first >= high || !(await passes(first))) return lowPasses ? low : null
  let [good, bad] = [first, high]
  while (bad - good > STEP) {
    const half = (good + bad) / 2
    const middle = Math.max(good + STEP, half - (half % STEP))
    if (await passes(middle)) good = middle
    else bad = middle
  }
  return good
}

/**
 * Whether a packet of this size, not to be fragmented, is answered over this tunnel: one of four tries is enough. `rttMs`
 * is the longest of late.
 */
export async function probeOnce(
  {device, local, peer}: Pick<ProbedTunnel, 'device' | 'local' | 'peer'>,
  size: number,
  rttMs: number,
  signal: AbortSignal,
  command?: string,
): Promise<boolean> {
  const tryMs = Math.ceil(Math.min(TRY_MS.most, Math.max(TRY_MS.least, TRY_RTTS * rttMs)))
  const bytes = size - headerBytes(peer)
  const question = ['-q', '-M', '-b', `${bytes}`, '-B', '1', '-t', `${tryMs}`, '-r', `${TRIES - 1}`]
  const args = [familyFlag(peer), ...AS_CONTROL, ...question]
  const {ended} = startFping([...args, '-I', device, '-S', local, peer], {signal, ...(command ? {command} : {})})
  // Where fping does not run it is the prober that says so.
  return (await ended).how === 0
}
