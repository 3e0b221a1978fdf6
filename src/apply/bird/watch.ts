import {setTimeout as delay} from 'node:timers/promises'
import {BirdClient, BirdUnreachable} from '../../bird/index.ts'

const RETRY_MS = 1000

/**
 * Tells when BIRD comes and goes, until aborted: it holds one connection open, whose end is the news at once, and
 * looks for a new BIRD every second. The first call tells the state at start.
 */
export async function watchBird(
  socket: string,
  onChange: (up: boolean) => void,
  signal: AbortSignal,
  retryMs = RETRY_MS,
): Promise<void> {
  let told: boolean | null = null
  const tell = (up: boolean): void => {
    if (up !== told) onChange(up)
    told = up
  }
  while (!signal.aborted) {
    const client = await BirdClient.connect(socket, signal).catch((error: unknown) => {
      if (signal.aborted || error instanceof BirdUnreachable) return null
      throw error
    })
    if (client) {
      const stop = (): void => client.close()
      signal.addEventListener('abort', stop, {once: true})
      if (signal.aborted) stop()
      else tell(true)
      await client.closed
      signal.removeEventListener('abort', stop)
    }
    if (signal.aborted) return
    tell(false)
    // An aborted wait ends the loop by its condition.
    await delay(retryMs, undefined, {signal}).catch(() => undefined)
  }
}
