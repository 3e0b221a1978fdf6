import type {Direction, Policy} from '../model/index.ts'
import {foldSubject} from '../selectors/index.ts'
import {Fields, type Problem} from './fields.ts'
import {parseJson} from './json.ts'
import {type KeyName, metaOf} from './meta.ts'
import {checkLength, checkRules, rulesOf} from './rule.ts'

/** Kubernetes' and OpenStack's policies keep their prefix; only bare `default.` names were renamed in v3.32. */
const METADATA_ANNOTATION = 'projectcalico.org/metadata'

/**
 * A policy of any of the four kinds. `meta.name` is the effective name, `keyName` the one in the key: before v3.32 a
 * policy of the default tier stood under `default.NAME`, and the annotation that newer clients write holds the real
 * name (calico-model 1.3).
 */
export function decodePolicy(kind: Policy['kind'], top: Fields, key: KeyName): Policy {
  const spec = top.object('spec')
  const tier = spec.text('tier') || 'default'
  const annotation = annotatedName(top)
  const stripped = tier === 'default' && key.name.startsWith('default.') ? key.name.slice('default.'.length) : key.name
  const name = annotation ?? (stripped === '' ? key.name : stripped)
  const meta = metaOf(top, key, [key.name, name, `default.${key.name}`])
  const {[METADATA_ANNOTATION]: _hidden, ...annotations} = meta.annotations
  const policy: Policy = {
    kind,
    meta: {...meta, name, annotations},
    keyName: key.name,
    tier,
    order: spec.number('order'),
    selector: spec.text('selector'),
    namespaceSelector: kind.endsWith('GlobalNetworkPolicy') ? spec.text('namespaceSelector') : '',
    serviceAccountSelector: spec.text('serviceAccountSelector'),
    types: typesOf(spec),
    ingress: rulesOf(spec, 'ingress'),
    egress: rulesOf(spec, 'egress'),
    doNotTrack: spec.flag('doNotTrack'),
    preDnat: spec.flag('preDNAT'),
    applyOnForward: spec.flag('applyOnForward'),
    ...stagedActionOf(kind, spec),
  }
  checkSubject(spec, policy)
  checkRules(spec, policy)
  return policy
}

/** `Set` and `Learn` are what a staged policy is anyway; any other word is no policy's to be refused for. */
function stagedActionOf(kind: Policy['kind'], spec: Fields): Pick<Policy, 'stagedAction'> {
  if (!kind.startsWith('Staged')) return {}
  const action = spec.raw('stagedAction')
  return action === 'Delete' || action === 'Ignore' ? {stagedAction: action} : {}
}

/** Whom it governs must be readable, in each part alone and as Calico joins them. */
function checkSubject(spec: Fields, policy: Policy): void {
  for (const field of ['selector', 'namespaceSelector', 'serviceAccountSelector'] as const) {
    checkLength(spec, field, policy[field])
  }
  const folded = foldSubject(policy)
  if (!folded.ok) spec.failSelector(folded.invalid.field, folded.invalid.message)
}

/** Stored without `types` a policy governs both directions: defaulting is the writing client's (calico-model 4.3). */
function typesOf(spec: Fields): Direction[] {
  const types = spec.parsed('types', (text) => (text === 'Ingress' || text === 'Egress' ? text : null), 'a direction')
  if (spec.list('types').length === 0) return ['ingress', 'egress']
  return (['ingress', 'egress'] as const).filter((way) => types.some((type) => type.toLowerCase() === way))
}

/** The annotation's JSON may be anything; what is no name is as if it were not there. */
function annotatedName(top: Fields): string | null {
  const text = top.object('metadata').object('annotations').raw(METADATA_ANNOTATION)
  const parsed = typeof text === 'string' ? parseJson(text) : null
  const ignored: Problem[] = []
  return parsed?.ok ? new Fields(parsed.value, '', ignored).text('name') || null : null
}
