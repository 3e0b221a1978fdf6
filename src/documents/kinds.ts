import {parseAddress, parseCidr, parsePrefix} from '../net/index.ts'
import type {Path} from '../yaml/index.ts'
import {direction, rulesOf} from './rule.ts'
import {
  also,
  anything,
  doubtful,
  fields,
  flag,
  type Issue,
  isObject,
  type Json,
  listOf,
  number,
  oneOf,
  type Shape,
  show,
  text,
  wrong,
} from './shape.ts'
import {annotations, isDnsLabel, isDnsSubdomain, labels, NAME_RULE, selector, setNet} from './words.ts'

/** A kind that `isthmus apply` takes: how it is called, and what a document of it must look like. */
export interface DocumentKind {
  readonly kind: string
  readonly plural: string
  readonly scope: 'cluster' | 'namespaced'
  /** What people type instead: the singular, and calicoctl's short forms. */
  readonly aliases: readonly string[]
  readonly shape: Shape
  /** What others in one go may point to comes before them: tiers, then sets, then policies. */
  readonly rank: 0 | 1 | 2
}

/** Order of the tiers that exist without being stored; calicoctl lets nobody move them. */
export const BUILT_IN_TIERS: Readonly<Record<string, number>> = {
  'kube-admin': 1_000,
  default: 1_000_000,
  'kube-baseline': 10_000_000,
}

const string = text()

/** Fields that Calico's programs write; those that only describe the stored copy are dropped. */
function metadataOf(scope: DocumentKind['scope'], name: Shape): Shape {
  const namespace = text((value) =>
    isDnsLabel(value) ? null : {detail: `${show(value)} is no namespace`, remedy: NAME_RULE},
  )
  const dropped = ['creationTimestamp', 'uid', 'selfLink', 'generation', 'generateName', 'managedFields', 'finalizers']
  return fields(
    {
      name,
      ...(scope === 'namespaced' ? {namespace} : {}),
      labels,
      annotations,
      resourceVersion: string,
      ownerReferences: anything,
      ...Object.fromEntries(dropped.map((field) => [field, anything])),
    },
    scope === 'namespaced' ? ['name', 'namespace'] : ['name'],
  )
}

const subdomain = text((name) =>
  isDnsSubdomain(name) ? null : {detail: `${show(name)} is no name`, remedy: `${NAME_RULE}; parts are joined by dots`},
)
const dnsLabel = text((name) =>
  isDnsLabel(name) ? null : {detail: `${show(name)} is no name of a tier`, remedy: NAME_RULE},
)

const API_VERSION = 'projectcalico.org/v3'

function documentOf(scope: DocumentKind['scope'], name: Shape, spec: Shape): Shape {
  return fields(
    {kind: string, apiVersion: oneOf([API_VERSION]), metadata: metadataOf(scope, name), spec, status: anything},
    ['apiVersion', 'metadata'],
  )
}

const POLICY_SPEC = {
  tier: dnsLabel,
  order: number,
  selector,
  namespaceSelector: selector,
  serviceAccountSelector: selector,
  types: listOf(direction),
  ingress: rulesOf('ingress'),
  egress: rulesOf('egress'),
  doNotTrack: flag,
  preDNAT: flag,
  applyOnForward: flag,
  performanceHints: listOf(oneOf(['AssumeNeededOnEveryNode'])),
} satisfies Record<string, Shape>

const globalPolicy = also(documentOf('cluster', subdomain, also(fields(POLICY_SPEC), checkPolicySpec)), checkPolicyName)
const stagedPolicy = also(
  documentOf(
    'cluster',
    subdomain,
    also(fields({stagedAction: oneOf(['Set', 'Delete', 'Learn', 'Ignore']), ...POLICY_SPEC}), (spec, path, into) => {
      checkPolicySpec(spec, path, into)
      checkStagedDelete(spec, path, into)
    }),
  ),
  checkPolicyName,
)

function checkPolicySpec(spec: Json, path: Path, into: Issue[]): void {
  const types = Array.isArray(spec.types) ? spec.types : []
  for (const [index, type] of types.entries()) {
    if (types.indexOf(type) < index) into.push(wrong([...path, 'types', index], `${show(type)} a second time`))
  }
  // Rules that would never be asked are a mistake that nobody sees; calicoctl takes them, so it is not refused.
  for (const [name, type] of [
    ['ingress', 'Ingress'],
    ['egress', 'Egress'],
  ] as const) {
    const rules = spec[name]
    if (types.length > 0 && !types.includes(type) && Array.isArray(rules) && rules.length > 0) {
      into.push(
        doubtful([...path, name], `rules that are never asked: ${type} is not among the types`, `add ${type} to types`),
      )
    }
  }
  const {doNotTrack, preDNAT, applyOnForward} = spec
  if (doNotTrack === true && preDNAT === true) {
    into.push(wrong([...path, 'preDNAT'], 'preDNAT and doNotTrack together', 'only one of them may be true'))
  }
  if ((doNotTrack === true || preDNAT === true) && applyOnForward !== true) {
    const which = doNotTrack === true ? 'doNotTrack' : 'preDNAT'
    into.push(wrong([...path, which], `${which} without applyOnForward`, 'add applyOnForward: true'))
  }
  if (preDNAT === true) {
    if (Array.isArray(spec.egress) && spec.egress.length > 0) {
      into.push(wrong([...path, 'egress'], 'egress rules in a preDNAT policy', 'it sees only what comes in'))
    }
    const egress = types.indexOf('Egress')
    if (egress >= 0)
      into.push(wrong([...path, 'types', egress], 'Egress of a preDNAT policy', 'it sees only what comes in'))
  }
}

/** A policy that would delete another one says which, and nothing else. */
function checkStagedDelete(spec: Json, path: Path, into: Issue[]): void {
  if (spec.stagedAction !== 'Delete') return
  for (const name of Object.keys(spec).filter((field) => field !== 'stagedAction' && field !== 'tier')) {
    const value = spec[name]
    if (value === null || value === false || value === '' || (Array.isArray(value) && value.length === 0)) continue
    into.push(wrong([...path, name], `${name} beside stagedAction: Delete`, 'only tier may stand beside it'))
  }
}

/** Outside the default tier the name begins with the tier (calico-model 1.3); there may be one dot in all. */
function checkPolicyName(document: Json, _path: Path, into: Issue[]): void {
  const metadata = isObject(document.metadata) ? document.metadata : {}
  const spec = isObject(document.spec) ? document.spec : {}
  const {name} = metadata
  const tier = typeof spec.tier === 'string' && spec.tier !== '' ? spec.tier : 'default'
  if (typeof name !== 'string' || !isDnsSubdomain(name) || !isDnsLabel(tier)) return
  const path = ['metadata', 'name']
  const bare = name.startsWith(`${tier}.`) ? name.slice(tier.length + 1) : name
  const good = (part: string): string => part.replaceAll('.', '-')
  if (tier === 'default' && name.includes('.')) {
    into.push(
      wrong(path, `${name} has a dot, in the default tier`, `name it ${good(bare)}, or name the tier in spec.tier`),
    )
  } else if (tier !== 'default' && (bare === name || bare.includes('.'))) {
    into.push(wrong(path, `${name} is in tier ${tier}, and does not say so`, `name it ${tier}.${good(bare)}`))
  }
}

const tier = also(
  documentOf('cluster', dnsLabel, fields({order: number, defaultAction: oneOf(['Deny', 'Pass'])})),
  (document, _path, into) => {
    const metadata = isObject(document.metadata) ? document.metadata : {}
    const order = isObject(document.spec) ? document.spec.order : undefined
    const {name} = metadata
    if (typeof name !== 'string' || !Object.hasOwn(BUILT_IN_TIERS, name) || order === BUILT_IN_TIERS[name]) return
    into.push(wrong(['spec', 'order'], `the order of tier ${name} is fixed`, `write ${BUILT_IN_TIERS[name]}`))
  },
)

function setOf(scope: DocumentKind['scope']): Shape {
  return also(documentOf(scope, subdomain, fields({nets: listOf(setNet)})), (document, _path, into) => {
    const metadata = isObject(document.metadata) ? document.metadata : {}
    const own = isObject(metadata.labels) ? metadata.labels : {}
    for (const name of Object.keys(own)) {
      const at = ['metadata', 'labels', name]
      if (name === 'projectcalico.org/namespace')
        into.push(wrong(at, `a set may not say ${name}`, 'use a NetworkSet of that namespace'))
      if (/^pcns\.|^pcsa\./.test(name) || name === 'isthmus.io/site')
        into.push(doubtful(at, `${name} on a set does not count`))
    }
    const nets = isObject(document.spec) && Array.isArray(document.spec.nets) ? document.spec.nets : []
    const seen = new Map<string, number>()
    for (const [index, net] of nets.entries()) {
      const prefix = typeof net === 'string' ? parseCidr(net) : null
      if (prefix === null) continue
      const first = seen.get(prefix)
      if (first === undefined) seen.set(prefix, index)
      else into.push(doubtful(['spec', 'nets', index], `${net} stands at nets[${first}] already`))
    }
  })
}

const staticPrefix = documentOf(
  'cluster',
  subdomain,
  fields(
    {
      prefix: text((value) =>
        parsePrefix(value) ? null : {detail: `${show(value)} is no prefix`, remedy: 'a CIDR without host bits'},
      ),
      via: text((value) => (parseAddress(value) ? null : {detail: `${show(value)} is no address`})),
    },
    ['prefix'],
  ),
)

/** What can be applied. Everything else under the isthmus root is read, and written by other programs. */
export const DOCUMENT_KINDS: readonly DocumentKind[] = [
  {kind: 'Tier', plural: 'tiers', scope: 'cluster', aliases: ['tier'], shape: tier, rank: 0},
  {
    ...{kind: 'GlobalNetworkPolicy', plural: 'globalnetworkpolicies', scope: 'cluster'},
    ...{aliases: ['globalnetworkpolicy', 'gnp', 'gnps'], shape: globalPolicy, rank: 2},
  },
  {
    ...{kind: 'StagedGlobalNetworkPolicy', plural: 'stagedglobalnetworkpolicies', scope: 'cluster'},
    ...{aliases: ['stagedglobalnetworkpolicy', 'sgnp', 'sgnps'], shape: stagedPolicy, rank: 2},
  },
  {
    ...{kind: 'GlobalNetworkSet', plural: 'globalnetworksets', scope: 'cluster'},
    ...{aliases: ['globalnetworkset', 'gns', 'gnss'], shape: setOf('cluster'), rank: 1},
  },
  {
    ...{kind: 'NetworkSet', plural: 'networksets', scope: 'namespaced'},
    ...{aliases: ['networkset', 'netset', 'netsets'], shape: setOf('namespaced'), rank: 1},
  },
  {
    ...{kind: 'StaticPrefix', plural: 'staticprefixes', scope: 'cluster'},
    ...{aliases: ['staticprefix'], shape: staticPrefix, rank: 1},
  },
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
