import {hostEndpoint, setOf, staticPrefix} from './address-kinds.ts'
import type {Scope} from './envelope.ts'
import {policy, profile, stagedPolicy, tier} from './policy-kinds.ts'
import type {Shape} from './shape.ts'

/** A kind that `isthmus apply` takes: how it is called, and what a document of it must look like. */
export interface DocumentKind {
  readonly kind: string
  readonly plural: string
  readonly scope: Scope
  /** What people type instead: the singular, and calicoctl's short forms. */
  readonly aliases: readonly string[]
  readonly shape: Shape
  /** What others in one go may point to comes before them: tiers, then sets and profiles, then the rest. */
  readonly rank: 0 | 1 | 2
}

const kindIn =
  (scope: Scope) =>
  (
    kind: string,
    plural: string,
    aliases: readonly string[],
    shape: Shape,
    rank: DocumentKind['rank'],
  ): DocumentKind => ({
    ...{kind, plural, scope, aliases, shape, rank},
  })
const cluster = kindIn('cluster')
const namespaced = kindIn('namespaced')

/**
 * What can be applied. Pods, nodes and pools under the isthmus root are read too, and written by the programs that know
 * them.
 */
export const DOCUMENT_KINDS: readonly DocumentKind[] = [
  cluster('Tier', 'tiers', ['tier'], tier, 0),
  cluster('GlobalNetworkPolicy', 'globalnetworkpolicies', ['globalnetworkpolicy', 'gnp'], policy('cluster'), 2),
  cluster(
    'StagedGlobalNetworkPolicy',
    'stagedglobalnetworkpolicies',
    ['stagedglobalnetworkpolicy', 'sgnp'],
    stagedPolicy('cluster'),
    2,
  ),
  cluster('GlobalNetworkSet', 'globalnetworksets', ['globalnetworkset', 'gns'], setOf('cluster'), 1),
  namespaced('NetworkSet', 'networksets', ['networkset', 'netset', 'netsets'], setOf('namespaced'), 1),
  cluster('StaticPrefix', 'staticprefixes', ['staticprefix'], staticPrefix, 1),
  cluster('HostEndpoint', 'hostendpoints', ['hostendpoint', 'hep', 'heps'], hostEndpoint, 2),
  cluster('Profile', 'profiles', ['profile'], profile, 1),
  namespaced('NetworkPolicy', 'networkpolicies', ['networkpolicy', 'np'], policy('namespaced'), 2),
  namespaced(
    'StagedNetworkPolicy',
    'stagednetworkpolicies',
    ['stagednetworkpolicy', 'snp'],
    stagedPolicy('namespaced'),
    2,
  ),
]

export const documentKind = (kind: string): DocumentKind | undefined =>
  DOCUMENT_KINDS.find((known) => known.kind === kind)

/** The kind that somebody typed, in any letter case. */
export function documentKindTyped(typed: string): DocumentKind | undefined {
  const word = typed.toLowerCase()
  return DOCUMENT_KINDS.find((known) => known.plural === word || known.aliases.includes(word))
}

export const DOCUMENTS_ROOT = '/isthmus/v1/resources/projectcalico.org/'

/** Key of a document; the same as its decoder gives it. */
export const keyOf = (kind: DocumentKind, name: string, namespace: string | null): string =>
  `${DOCUMENTS_ROOT}${kind.plural}/${namespace === null ? '' : `${namespace}/`}${name}`
