import type {Tunnel} from '../model/index.ts'
import type {RouterState} from '../observe/index.ts'
import {heldDown, NO_HOLD_DOWN, nextHoldDown, type SeenSession} from '../routing/index.ts'

type WatchedTunnel = Pick<Tunnel, 'session' | 'peer' | 'device'>

/** Which tunnels' sessions come and go, by what the monitor sees of BIRD. */
export interface HeldSessions {
  /** Names; the same object as long as it says the same. */
  held(): ReadonlySet<string>
  look(router: RouterState | null, tunnels: readonly WatchedTunnel[]): void
}

export interface HeldSessionsOptions {
  /** Monotonic. */
  readonly nowMs: () => number
  readonly wallMs: () => number
  /** Wants a pass. */
  readonly changed: () => void
}

export function createHeldSessions({nowMs, wallMs, changed}: HeldSessionsOptions): HeldSessions {
  let state = NO_HOLD_DOWN
  let held: ReadonlySet<string> = new Set()
  return {
    held: () => held,
    look(router, tunnels) {
      // A clock that is set moves all that BIRD says of times.
      const aheadMs = wallMs() - nowMs()
      const seen = router?.up
        ? sessionsSeen(router, tunnels).map((one) => ({...one, sinceMs: one.sinceMs && one.sinceMs - aheadMs}))
        : null
      state = nextHoldDown(state, seen, nowMs())
      const names = heldDown(state, nowMs())
      if (names.join() === [...held].join()) return
      held = new Set(names)
      changed()
    },
  }
}

/** On a single path a session outlives what BFD tells: there the loss is BFD's. */
function sessionsSeen({sessions, bfd}: RouterState, tunnels: readonly WatchedTunnel[]): SeenSession[] {
  return sessions
    .filter(({kind}) => kind === 'tunnel')
    .map(({name, up, sinceMs}) => {
      const tunnel = tunnels.find(({session}) => session === name)
      // Before the first plan it is not known which BFD to ask, and so not since when.
      if (!tunnel) return {name, up, sinceMs: null}
      const watch = bfd.find(({neighbor, device}) => neighbor === tunnel.peer && device === tunnel.device)
      if (!watch) return {name, up, sinceMs}
      return {name, up: up && watch.up, sinceMs: Math.max(sinceMs ?? 0, watch.sinceMs ?? 0)}
    })
}
