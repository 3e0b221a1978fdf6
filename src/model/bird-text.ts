/** The constant in BIRD's configuration that holds the text's hash; asked of the running BIRD it tells what it loaded. */
export const BIRD_HASH_CONSTANT = 'isthmus_hash'

const DEFINITION = new RegExp(`^define ${BIRD_HASH_CONSTANT} = "([0-9a-f]+)";$`, 'm')

/** The hash that a configuration text carries; null: the text is not ours. */
export function birdTextHash(text: string): string | null {
  return DEFINITION.exec(text)?.[1] ?? null
}
