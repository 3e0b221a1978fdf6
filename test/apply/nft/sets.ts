import type {NftSet} from '../../../src/model/index.ts'

/** A set or map with these elements, in canonical text. */
export const nftSet = (
  name: string,
  key: string,
  value: string | null,
  elements: [string, string][],
  more: Partial<NftSet> = {},
): NftSet => ({name, key, value, interval: false, elements: new Map(elements), ...more})

/** Those that the driver keeps itself. */
export const generationSets = [
  nftSet('generation', 'mark', null, [], {external: true}),
  nftSet('current', 'nf_proto', 'mark', [], {external: true}),
]
