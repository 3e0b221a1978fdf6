const UTF8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})

/** A run of digits that a double may not hold exactly: IPAM's sequence numbers are about 1.8e18. */
const LONG_NUMBER = /\d{16}/

/** The bytes as text, or `null` when they are not UTF-8. */
export function parseUtf8(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes)
  } catch {
    return null
  }
}

/**
 * JSON.parse that keeps integers beyond 2^53 exact, as `bigint`, and answers instead of throwing.
 *
 * The reviver that this takes makes parsing several times slower, so it is used only where a long run of digits shows
 * that it might matter.
 */
export function parseJson(text: string): {ok: true; value: unknown} | {ok: false; detail: string} {
  try {
    return {ok: true, value: LONG_NUMBER.test(text) ? JSON.parse(text, keepInteger) : JSON.parse(text)}
  } catch (error) {
    return {ok: false, detail: error instanceof Error ? error.message : 'not JSON'}
  }
}

function keepInteger(_key: string, value: unknown, context?: {source?: string}): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return context?.source && /^-?\d+$/.test(context.source) ? BigInt(context.source) : value
}
