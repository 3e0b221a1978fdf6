import {BirdClient} from './client.ts'

/** A connection to BIRD's control socket that stays open from use to use, for who asks again and again. */
export interface KeptBird {
  /** Throws what `work` throws, and `BirdUnreachable` when there is no BIRD; after a failure the next use connects anew. */
  use<T>(work: (client: BirdClient) => Promise<T>, signal: AbortSignal): Promise<T>
}

/** Opens nothing before it is used; closed when `until` is aborted. */
export function keepBird(socket: string, until: AbortSignal): KeptBird {
  let kept: BirdClient | null = null
  until.addEventListener('abort', () => kept?.close(), {once: true})
  return {
    async use(work, signal) {
      const client = kept?.isOpen ? kept : await BirdClient.connect(socket, AbortSignal.any([signal, until]))
      kept = client
      try {
        return await work(client)
      } catch (error) {
        client.close()
        throw error
      }
    },
  }
}
