import type {Actual, DriverName} from '../model/index.ts'

/** What reads each part of the node. A driver that keeps its own cache (nft) is asked each time. */
export interface Readers {
  readonly sysctl: (signal: AbortSignal) => Promise<Actual['sysctls']>
  readonly fou: (signal: AbortSignal) => Promise<Actual['fouPorts']>
  readonly netlink: (signal: AbortSignal) => Promise<Pick<Actual, 'links' | 'addresses' | 'queues' | 'sourceRules'>>
  readonly wireguard: (signal: AbortSignal) => Promise<Actual['wireguard']>
  readonly nft: (signal: AbortSignal) => Promise<Actual['nft']>
  readonly bird: (signal: AbortSignal) => Promise<Actual['bird']>
}

/** The export is no part of the node: it is watched (`publish.ts`). */
export type NodePart = keyof Readers

type Parts = {readonly [N in NodePart]: Awaited<ReturnType<Readers[N]>>}

/** Stands in for a part that could not be read; steps on it must not be taken (`unread`). */
const UNREAD: Parts = {
  sysctl: new Map(),
  fou: [],
  netlink: {links: [], addresses: [], queues: [], sourceRules: []},
  wireguard: [],
  nft: null,
  bird: null,
}

export interface ReadActual {
  readonly actual: Actual
  /** Parts that could not be read, with the reason: what is unknown is neither repaired nor pruned. */
  readonly unread: ReadonlyMap<DriverName, string>
}

export interface ActualCache {
  /** With `only`, what is not in it counts as not there, and is not asked. */
  read(signal: AbortSignal, only?: readonly NodePart[]): Promise<ReadActual>
  /** Forget what is known of these parts (of all, without names): a notification, a failure or a resync says so. */
  invalidate(...parts: NodePart[]): void
}

/**
 * What the node holds, read in full when in doubt and remembered otherwise: a notification, a step of our own or the
 * timer puts a part in doubt. A part invalidated while it is being read stays in doubt.
 */
export function createActualCache(readers: Readers): ActualCache {
  const known = new Map<NodePart, unknown>()
  const versions = new Map<NodePart, number>()
  const versionOf = (part: NodePart): number => versions.get(part) ?? 0

  async function readPart<N extends NodePart>(part: N, unread: Map<NodePart, string>, signal: AbortSignal) {
    if (known.has(part)) return known.get(part) as Parts[N]
    const version = versionOf(part)
    try {
      const value = (await readers[part](signal)) as Parts[N]
      if (versionOf(part) === version) known.set(part, value)
      return value
    } catch (error) {
      if (signal.aborted) throw error
      unread.set(part, error instanceof Error ? error.message : String(error))
      return UNREAD[part]
    }
  }

  return {
    async read(signal, only) {
      const unread = new Map<NodePart, string>()
      const part = async <N extends NodePart>(name: N): Promise<Parts[N]> =>
        !only || only.includes(name) ? await readPart(name, unread, signal) : UNREAD[name]
      const [sysctls, fouPorts, netlink, wireguard, nft, bird] = await Promise.all([
        part('sysctl'),
        part('fou'),
        part('netlink'),
        part('wireguard'),
        part('nft'),
        part('bird'),
      ])
      return {actual: {sysctls, fouPorts, ...netlink, wireguard, nft, bird}, unread}
    },
    invalidate(...parts) {
      for (const part of parts.length > 0 ? parts : (Object.keys(UNREAD) as NodePart[])) {
        versions.set(part, versionOf(part) + 1)
        known.delete(part)
      }
    },
  }
}
