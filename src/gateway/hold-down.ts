import type {RouterState} from '../observe/index.ts'
import {heldDown, NO_HOLD_DOWN, nextHoldDown} from '../routing/index.ts'

/** Which tunnels' sessions come and go, by what the monitor sees of BIRD. */
export interface HeldSessions {
  /** Names; the same object as long as it says the same. */
  held(): ReadonlySet<string>
  look(router: RouterState | null): void
}

/** @param changed Wants a pass. */
export function createHeldSessions(nowMs: () => number, changed: () => void): HeldSessions {
  let state = NO_HOLD_DOWN
  let held: ReadonlySet<string> = new Set()
  return {
    held: () => held,
    look(router) {
      const tunnels = router?.up ? router.sessions.filter(({kind}) => kind === 'tunnel') : null
      state = nextHoldDown(state, tunnels, nowMs())
      const names = heldDown(state, nowMs())
      if (names.join() === [...held].join()) return
      held = new Set(names)
      changed()
    },
  }
}
