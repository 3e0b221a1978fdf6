import type {Path} from '../yaml/index.ts'
import {documentOf, type Scope, subdomain, tierName} from './envelope.ts'
import {direction, rulesOf} from './rule.ts'
import {
  also,
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
  wrong,
} from './shape.ts'
import {isDnsLabel, isDnsSubdomain, labels, selector} from './words.ts'

/** Order of the tiers that exist without being stored; calicoctl lets nobody move them. */
export const BUILT_IN_TIERS: Readonly<Record<string, number>> = {
  'kube-admin': 1_000,
  default: 1_000_000,
  'kube-baseline': 10_000_000,
}

/** A policy in force, for the whole interconnect or for one namespace of the site that holds it. */
export const policy = (scope: Scope): Shape =>
  also(documentOf(scope, subdomain, also(fields(specOf(scope)), checkPolicySpec)), (document, path, into) => {
    checkPolicyName(document, path, into)
    sayNotGlobal(scope, into)
  })

/** A policy that only shows what it would do. */
export const stagedPolicy = (scope: Scope): Shape =>
  also(
    documentOf(
      scope,
      subdomain,
      also(
        fields({stagedAction: oneOf(['Set', 'Delete', 'Learn', 'Ignore']), ...specOf(scope)}),
        (spec, path, into) => {
          checkPolicySpec(spec, path, into)
          checkStagedDelete(spec, path, into)
        },
      ),
    ),
    (document, path, into) => {
      checkPolicyName(document, path, into)
      sayNotGlobal(scope, into)
    },
  )

/** Gives labels to those that list it; its rules belong to the site's own Calico (formats.md). */
export const profile: Shape = documentOf(
  'cluster',
  subdomain,
  fields({
    labelsToApply: labels,
    ingress: rulesOf('ingress', 'cluster'),
    egress: rulesOf('egress', 'cluster'),
  }),
)

function specOf(scope: Scope): Readonly<Record<string, Shape>> {
  const isGlobal = scope === 'cluster'
  return {
    tier: tierName,
    order: number,
    selector,
    ...(isGlobal ? {namespaceSelector: selector} : {}),
    serviceAccountSelector: selector,
    types: listOf(direction),
    ingress: rulesOf('ingress', scope),
    egress: rulesOf('egress', scope),
    ...(isGlobal ? {doNotTrack: flag, preDNAT: flag, applyOnForward: flag} : {}),
    performanceHints: listOf(oneOf(['AssumeNeededOnEveryNode'])),
  }
}

function sayNotGlobal(scope: Scope, into: Issue[]): void {
  if (scope === 'cluster') return
  into.push(
    doubtful(
      ['kind'],
      'no global document: gateways do not enforce it',
      'GlobalNetworkPolicy with a namespaceSelector',
    ),
  )
}

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

export const tier = also(
  documentOf('cluster', tierName, fields({order: number, defaultAction: oneOf(['Deny', 'Pass'])})),
  (document, _path, into) => {
    const metadata = isObject(document.metadata) ? document.metadata : {}
    const order = isObject(document.spec) ? document.spec.order : undefined
    const {name} = metadata
    if (typeof name !== 'string' || !Object.hasOwn(BUILT_IN_TIERS, name) || order === BUILT_IN_TIERS[name]) return
    into.push(wrong(['spec', 'order'], `the order of tier ${name} is fixed`, `write ${BUILT_IN_TIERS[name]}`))
  },
)
