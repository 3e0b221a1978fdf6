import type {Claimed, EtcdLeases, WatchClock} from '../etcd/index.ts'
import {type GatewayName, type KeyHold, LEADER_KEY, type SourceBatch} from '../model/index.ts'
import {aliveKey, Claims, leaderText, type Naming, namingText} from './claims.ts'

/** How long the others wait for a gateway that has gone silent. */
const TTL_S = 5
/** After a failure; far shorter than the lease, so that one lost answer does not cost it. */
const RETRY_MS = 300

export interface ElectionOptions {
  readonly gateway: GatewayName
  readonly naming: Naming
  readonly leases: EtcdLeases
  readonly clock: WatchClock
  readonly signal: AbortSignal
  readonly ttlSeconds?: number
  /** Who leads, or what this gateway may write, is not what it was. */
  readonly onChange: () => void
}

/** How the election stands, for status and metrics. */
export interface Leadership {
  /** As the watch has told; null: nobody, or not known. */
  readonly leader: string | null
  /** This gateway leads: every transaction of it checks that again. */
  readonly leads: boolean
  /** Since the lease was last confirmed; null: there is none. */
  readonly leaseAgeSeconds: number | null
  /** Another process lives under this gateway's name. */
  readonly nameTaken: boolean
  /** Why the lease could not be had or kept; null: it is. */
  readonly lastError: string | null
}

export interface Election {
  readonly claims: Claims
  /** What the watch of `/isthmus/v1/` tells. */
  observe(batch: Pick<SourceBatch, 'type' | 'revision' | 'upserts' | 'deletes'>): void
  /** The right to write this gateway's own record; null: not now. */
  own(): KeyHold | null
  /** The right to write the rest of the export. */
  leader(): KeyHold | null
  /** A transaction has found that it is no more. */
  lost(holds: readonly KeyHold[]): void
  state(): Leadership
  /** Gives up the lease, so that another gateway leads at once. After the signal is aborted. */
  end(): Promise<void>
}

/**
 * Keeps one lease, with this gateway's `alive` key and, whenever it is free, the `leader` key on it.
 *
 * Neither the clock here nor what the watch tells gives a right: every transaction of the export compares the key that
 * it is written under, so a process that was frozen, or cut off, finds out by its first write. Clock and watch only
 * keep it from trying. It leads once the watch has shown its own key: by then the watch has also told of all that the
 * leader before it wrote, so nothing is written twice.
 */
export function startElection(options: ElectionOptions): Election {
  const {gateway, leases, clock, signal, onChange} = options
  const ttlSeconds = options.ttlSeconds ?? TTL_S
  const renewMs = (ttlSeconds * 1000) / 3
  const keys = {alive: aliveKey(gateway), leader: LEADER_KEY}
  const claims = new Claims()
  const held: {lease: string | null; renewedMs: number; alive: KeyHold | null; leader: KeyHold | null} = {
    lease: null,
    renewedMs: 0,
    alive: null,
    leader: null,
  }
  let isFirst = true
  let nameTaken = false
  let lastError: string | null = null

  let wake = new AbortController()
  const again = (): void => wake.abort()

  const right = (hold: KeyHold | null): KeyHold | null => {
    if (!hold || clock.nowMs() >= held.renewedMs + ttlSeconds * 1000) return null
    return claims.at(hold.key)?.modRevision === hold.modRevision ? hold : null
  }
  let told = ''
  const tellChange = (): void => {
    const now = JSON.stringify([claims.leader(), right(held.leader), right(held.alive), nameTaken])
    if (now !== told) onChange()
    told = now
  }

  const drop = (): void => {
    held.lease = held.alive = held.leader = null
  }

  /** Gives up what the watch says is gone; what it says from before our claim is old, unless it is a list. */
  const believe = (isList: boolean): void => {
    for (const name of ['alive', 'leader'] as const) {
      const hold = held[name]
      if (!hold || claims.at(hold.key)?.modRevision === hold.modRevision) continue
      if (isList || claims.revision >= hold.modRevision) held[name] = null
    }
  }

  /**
   * A key of our name at our start is of a process before us: it is gone, or should be. Later it is somebody else, and
   * two that throw each other out would never end.
   */
  async function takeName(lease: string): Promise<KeyHold | null> {
    const claim = {key: keys.alive, text: namingText(options.naming), lease, holds: []}
    let claimed: Claimed = await leases.claim(claim)
    if (!claimed.taken && claimed.holder && isFirst) {
      await leases.revoke(claimed.holder.lease)
      claimed = await leases.claim(claim)
    }
    isFirst = false
    nameTaken = !claimed.taken && claimed.holder !== null
    return claimed.taken ? claimed.hold : null
  }

  async function turn(): Promise<void> {
    // The watch may have told of the end of a key before the answer to its claim was here.
    believe(false)
    const sentMs = clock.nowMs()
    if (held.lease !== null && !(await leases.keepAlive(held.lease))) drop()
    held.lease ??= await leases.grant(ttlSeconds)
    // The server counts from later on: our clock is never ahead of its.
    held.renewedMs = sentMs
    held.alive ??= await takeName(held.lease)
    if (!held.alive || held.leader) return
    const claim = {key: keys.leader, text: leaderText(gateway), lease: held.lease, holds: [held.alive]}
    const claimed = await leases.claim(claim)
    if (claimed.taken) held.leader = claimed.hold
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      wake = new AbortController()
      const beganMs = clock.nowMs()
      try {
        await turn()
        lastError = null
      } catch (error) {
        lastError = error instanceof Error ? error.message : String(error)
      }
      tellChange()
      // From the beginning: where answers take seconds, what was granted then is half over.
      const restMs = lastError === null ? Math.max(0, beganMs + renewMs - clock.nowMs()) : RETRY_MS
      await clock.sleep(restMs, AbortSignal.any([signal, wake.signal]))
    }
  }
  const running = run()

  return {
    claims,
    observe(batch) {
      claims.take(batch)
      believe(batch.type === 'list')
      const isFree = claims.at(keys.leader) === null || claims.at(keys.alive) === null
      if (isFree && batch.deletes.some((key) => key === keys.leader || key === keys.alive)) again()
      tellChange()
    },
    own: () => right(held.alive),
    leader: () => right(held.leader),
    lost(holds) {
      for (const name of ['alive', 'leader'] as const) {
        if (holds.some(({key, modRevision}) => key === keys[name] && modRevision === held[name]?.modRevision)) {
          held[name] = null
        }
      }
      again()
      tellChange()
    },
    state: () => ({
      leader: claims.leader(),
      leads: right(held.leader) !== null,
      leaseAgeSeconds: held.lease === null ? null : Math.round(clock.nowMs() - held.renewedMs) / 1000,
      nameTaken,
      lastError,
    }),
    async end() {
      await running
      // Nobody waits for an etcd that is away: the lease ends by itself.
      if (held.lease !== null) await leases.revoke(held.lease).catch(() => undefined)
      leases.close()
    },
  }
}
