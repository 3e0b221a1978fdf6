import type {ExportOwner} from '../apply/index.ts'
import type {Naming} from './claims.ts'

export interface LeaversOptions {
  /** By this gateway's own configuration. */
  readonly naming: Naming
  readonly datastoresMs: number
  readonly gatewaysMs: number
}

/** Why records that this gateway does not want stay: their owner, and who still names it, or how long it is still waited. */
export interface Staying {
  readonly owner: ExportOwner
  readonly namedBy: readonly string[]
  readonly leftMs: number | null
}

/**
 * Decides when records of a datastore or gateway that this gateway's configuration does not name may go.
 *
 * The export is one, and the configurations that it is made from are two or more, changed one after another, by people,
 * with restarts in between. So what one gateway does not name may be another's: it stays while any living one names it,
 * and for a time after, in which the one that named it may come back from its reboot. A gateway stays while it lives,
 * too; without its lease it may still carry traffic, hence its time is long, and a twin that is named stays for ever.
 */
export class Leavers {
  readonly #options: LeaversOptions
  readonly #since = new Map<ExportOwner, number>()

  constructor(options: LeaversOptions) {
    this.#options = options
  }

  look(owners: readonly ExportOwner[], living: ReadonlyMap<string, Naming | null>, nowMs: number): readonly Staying[] {
    const {naming, datastoresMs, gatewaysMs} = this.#options
    const staying: Staying[] = []
    for (const owner of owners) {
      if (names(naming, owner)) {
        // Of its own datastores it wants what it wants; of a named gateway it knows nothing, and removes nothing.
        if (owner.startsWith('gateway/')) staying.push({owner, namedBy: [], leftMs: null})
        continue
      }
      const namedBy = [...living].flatMap(([gateway, its]) =>
        its === null || names(its, owner) || owner === `gateway/${gateway}` ? [gateway] : [],
      )
      if (namedBy.length > 0) this.#since.delete(owner)
      else if (!this.#since.has(owner)) this.#since.set(owner, nowMs)
      const since = this.#since.get(owner)
      const leftMs =
        since === undefined ? null : since + (owner.startsWith('gateway/') ? gatewaysMs : datastoresMs) - nowMs
      if (leftMs === null || leftMs > 0) staying.push({owner, namedBy: namedBy.sort(), leftMs})
    }
    for (const owner of this.#since.keys()) if (!owners.includes(owner)) this.#since.delete(owner)
    return staying
  }
}

function names({datastores, gateways}: Naming, owner: ExportOwner): boolean {
  const [kind, name = ''] = owner.split('/', 2)
  return (kind === 'gateway' ? gateways : datastores).includes(name)
}
