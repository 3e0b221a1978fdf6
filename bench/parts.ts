import type {Bench} from './result.ts'

/** A bench that has parts: all of them, one after the other, or the one that is asked for. */
export function partsOf(bench: string, parts: Readonly<Record<string, Bench>>): Bench {
  return async (options) => {
    const {only} = options
    if (only !== null && !(only in parts)) {
      throw new Error(`no part ${only}; there are: ${Object.keys(parts).join(', ')}`)
    }
    const results = []
    for (const [name, part] of Object.entries(parts)) {
      if (only !== null && only !== name) continue
      console.error(`${bench}: ${name}`)
      results.push(...(await part(options)))
    }
    return results
  }
}
