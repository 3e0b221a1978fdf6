/**
 * What a tunnel's path carries, as a machine of plain states: probes go in, limits and searches come out.
 *
 *     steady ──full-size probes lost, small ones pass──► searching ──found less──► steady, lower
 *     steady, lower ──eleven minutes──► trying (the device is raised, MSS is not) ──more passes──► rising
 *     rising ──a minute of full-size probes, none lost──► steady, higher       trying, rising ──lost──► steady, lower
 *
 * Nothing here asks a router: what counts is what arrives. Down goes at once, up only after a time, so nothing flaps.
 */

/** The least that anything may have; a path below that is broken otherwise. */
export const LEAST_MTU = 576
/** Without it no IPv6 (RFC 8200), and the kernel takes IPv6 from a device that has less. */
export const LEAST_IPV6_MTU = 1280
/** Two in a row, five seconds apart: one is chance. A search first asks again whether the size is lost. */
const LOST_IN_ROW = 2
/** Longer than the ten minutes for which a kernel believes what a router told of a path. */
const TRIAL_MS = 660_000
/** Full-size probes that must pass in a row, one every five seconds, before what they say counts. */
const RISE_PASSES = 12
/** After a search that changed nothing: that full-size probes are lost is known then, and asked again now and then. */
const QUIET_MS = 10_000

export interface PathMtu {
  /** As computed. */
  readonly configured: number
  /** Nothing below it is looked for or set. */
  readonly least: number
  /** What is known to pass, where that is less; null: nothing else than `configured` is known. */
  readonly found: number | null
  readonly phase: 'steady' | 'searching' | 'trying' | 'rising'
  /** Of the device while it is tried or rises. */
  readonly trial: number
  /** No search before the one, no trial before the other. */
  readonly quietUntilMs: number
  readonly trialMs: number
  readonly trialAfterMs: number
}

/** What the plan must not exceed: the device's MTU, and the one from which MSS is clamped. */
export interface TunnelLimit {
  readonly device: number
  readonly clamp: number
}

export interface PathProbes {
  /** The last small probe was answered. */
  readonly smallPasses: boolean
  /** Of the size that the device has now. */
  readonly fullLostInRow: number
  readonly fullPassedInRow: number
}

export type PathEvent =
  | {readonly kind: 'looked'; readonly nowMs: number; readonly probes: PathProbes}
  /** The end of a search: the largest size of its range that passed, null where none did. */
  | {readonly kind: 'searched'; readonly nowMs: number; readonly largest: number | null}

export interface PathSearch {
  readonly low: number
  readonly high: number
  /** The low one is known to. */
  readonly lowPasses: boolean
}

export function newPathMtu(
  configured: number,
  found: number | null,
  nowMs: number,
  trialAfterMs: number = TRIAL_MS,
  least: number = LEAST_MTU,
  firstTrialAfterMs: number = trialAfterMs,
): PathMtu {
  const known = found !== null && found >= least && found < configured ? found : null
  const times = {quietUntilMs: nowMs, trialMs: nowMs + firstTrialAfterMs, trialAfterMs}
  return {configured, least, found: known, phase: 'steady', trial: configured, ...times}
}

/** null: as computed. */
export function limitOf({found, phase, trial}: PathMtu): TunnelLimit | null {
  if (found === null) return null
  return {device: phase === 'trying' || phase === 'rising' ? trial : found, clamp: found}
}

/** Of what an earlier run found, by device. */
export const limitsOf = (saved: Iterable<readonly [string, {readonly found: number}]>): Map<string, TunnelLimit> =>
  new Map([...saved].map(([device, {found}]) => [device, {device: found, clamp: found}]))

/** The next state; the same object where nothing changed. A search is answered by an event `searched`. */
export function nextPathMtu(state: PathMtu, event: PathEvent): {state: PathMtu; search: PathSearch | null} {
  const only = (next: PathMtu) => ({state: next, search: null})
  if (event.kind === 'searched') return only(afterSearch(state, event.largest, event.nowMs))
  const {nowMs, probes} = event
  const {configured, found, phase} = state
  if (!probes.smallPasses) return only(state)
  switch (phase) {
    case 'searching':
    case 'trying':
      return only(state)
    case 'rising':
      if (probes.fullLostInRow > 0) return only(settled(state, found, nowMs))
      return only(probes.fullPassedInRow >= RISE_PASSES ? settled(state, state.trial, nowMs) : state)
    case 'steady':
      if (probes.fullLostInRow >= LOST_IN_ROW) {
        if (nowMs < state.quietUntilMs) return only(state)
        return {
          state: {...state, phase: 'searching'},
          search: {low: state.least, high: found ?? configured, lowPasses: false},
        }
      }
      if (found === null || nowMs < state.trialMs) return only(state)
      return {
        state: {...state, phase: 'trying', trial: configured},
        search: {low: found, high: configured, lowPasses: true},
      }
  }
}

function afterSearch(state: PathMtu, largest: number | null, nowMs: number): PathMtu {
  const {configured, found, phase} = state
  if (phase === 'searching') {
    const isLower = largest !== null && largest < (found ?? configured)
    return settled(state, isLower ? largest : found, nowMs)
  }
  if (phase !== 'trying') return state
  // What passed in a moment is believed when it has passed for a minute.
  if (largest !== null && found !== null && largest > found) return {...state, phase: 'rising', trial: largest}
  return settled(state, found, nowMs)
}

function settled(state: PathMtu, found: number | null, nowMs: number): PathMtu {
  const known = found === null || found >= state.configured ? null : found
  const isSame = state.phase === 'searching' && known === state.found
  const times = {quietUntilMs: nowMs + (isSame ? QUIET_MS : 0), trialMs: nowMs + state.trialAfterMs}
  return {...state, found: known, phase: 'steady', ...times}
}
