export type JsonFields = Readonly<Record<string, unknown>>

/** A number whose text says more than a double holds; prints as it was read. */
interface ExactNumber {
  readonly rawJSON: string
}

/** `JSON.rawJSON` of Node 22 and later, which TypeScript's library does not know yet. */
const printer: JSON & {readonly rawJSON?: (text: string) => ExactNumber} = JSON

export const isFields = (value: unknown): value is JsonFields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A number beyond 2^53 that is printed as it is. */
export const exactNumber = (value: bigint): unknown => printer.rawJSON?.(String(value)) ?? Number(value)

/**
 * JSON of somebody else that is to be written back with a few fields changed: every number is printed as it was read, also
 * one beyond 2^53 or with more digits than a double has. Undefined: it is no JSON, or nested too deep to be walked.
 */
export function parseExact(text: string): unknown {
  try {
    const exact = printer.rawJSON
    return JSON.parse(text, (_key, value: unknown, context?: {source?: string}) =>
      typeof value === 'number' && context?.source !== undefined && exact && String(value) !== context.source
        ? exact(context.source)
        : value,
    )
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined
    throw error
  }
}
