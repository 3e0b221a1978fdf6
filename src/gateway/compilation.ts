import type {ActualNft, GatewayConfig, World} from '../model/index.ts'
import type {Prefix} from '../net/index.ts'
import {type ChangedMembers, type Compiled, compiling, shutPolicy} from '../policy/index.ts'
import {inSlices, type Turnstile, whileHeld} from './slices.ts'

export interface CompilationOptions {
  readonly config: Pick<GatewayConfig, 'default' | 'stagedPackets'>
  readonly firstClass: number
  /** Of an earlier runtime in this process. */
  readonly previous: Compiled | null
  /** Whether a start on an empty kernel knows enough to open. */
  readonly isGathered: (known: World['sources']) => boolean
  readonly gate: Turnstile
  /** Asks for another pass. */
  readonly trigger: () => void
}

export interface Compilation {
  readonly current: () => Compiled | null
  noteChanges(changes: Iterable<readonly [Prefix, ChangedMembers]>): void
  /** Who calls it is in the gate. `held`: what the kernel has of the ruleset. */
  compile(world: World, held: ActualNft | null): Promise<Compiled>
}

/**
 * The policy from pass to pass: on an empty kernel first the shut one, until enough is gathered; then each from the one
 * before and what changed. In slices of the event loop, while members stay as they are.
 */
export function createCompilation(options: CompilationOptions): Compilation {
  const {firstClass, gate} = options
  const {default: standard, stagedPackets} = options.config
  let compiled = options.previous
  /** Since the last compilation, also over passes that were held back; null: not known, since that one failed. */
  let changes: Map<Prefix, ChangedMembers> | null = null
  return {
    current: () => compiled,
    noteChanges(all) {
      if (changes) for (const [prefix, change] of all) changes.set(prefix, change)
    },
    async compile(world, held) {
      if (compiled === null && held === null) {
        options.trigger()
        compiled = shutPolicy({default: standard, firstClass})
      }
      if (compiled?.isShut && (held === null || !options.isGathered(world.sources))) return compiled
      const since = changes
      changes = null
      const made = {default: standard, stagedPackets, previous: compiled, firstClass, held, changes: since}
      const steps = compiling(world, made)
      compiled = await whileHeld(gate, () => inSlices(steps))
      changes = new Map()
      return compiled
    },
  }
}
