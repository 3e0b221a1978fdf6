import type {ActualNft, NftSet} from '../../../src/model/index.ts'

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

/** Chains as a listing shows them, without what only who made them knows. */
export const listed = (chains: ActualNft['chains']) =>
  new Map([...chains].map(([name, {hook, rules}]) => [name, {name, hook, rules}]))
