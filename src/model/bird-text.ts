/** The constant in BIRD's configuration that holds the text's hash; asked of the running BIRD it tells what it loaded. */
export const BIRD_HASH_CONSTANT = 'isthmus_hash'

/** Behind the name of BIRD's configuration: what was there before the first one of ours, kept once. */
export const BIRD_FILE_BEFORE = '.before-isthmus'

const DEFINITION = new RegExp(`^define ${BIRD_HASH_CONSTANT} = "([0-9a-f]+)";$`, 'm')

/** The hash that a configuration text carries; null: the text is not ours. */
export function birdTextHash(text: string): string | null {
  return DEFINITION.exec(text)?.[1] ?? null
}
