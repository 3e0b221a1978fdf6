import {KINDS, type Kind} from '../api/client.ts'

/** What only a datastore has; with `--stored` also `tiers` and `policies`. */
export const STORED = [
  'globalnetworkpolicies',
  'stagedglobalnetworkpolicies',
  'globalnetworksets',
  'networksets',
  'staticprefixes',
  'hostendpoints',
  'profiles',
  'networkpolicies',
  'stagednetworkpolicies',
  'documents',
]

/** `tunnel` and `policy` are understood too. */
const SINGULAR: Readonly<Partial<Record<Kind, string>>> = {policies: 'policy', classes: 'class'}
export const singularOf = (kind: Kind): string => SINGULAR[kind] ?? kind.slice(0, -1)

/** One of the gateway's kinds, as somebody types it. */
export const kindTyped = (given: string): Kind | null =>
  KINDS.find((kind) => kind === given || singularOf(kind) === given) ?? null

/** All words for a kind of the gateway's. */
export const KIND_WORDS: readonly string[] = KINDS.flatMap((kind) => [kind, singularOf(kind)])
