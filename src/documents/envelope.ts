import {anything, fields, oneOf, type Shape, show, text} from './shape.ts'
import {annotations, isDnsLabel, isDnsSubdomain, labels, NAME_RULE} from './words.ts'

export type Scope = 'cluster' | 'namespaced'

const string = text()

/** Fields that Calico's programs write; those that only describe the stored copy are dropped. */
function metadataOf(scope: Scope, name: Shape): Shape {
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

export const subdomain = text((name) =>
  isDnsSubdomain(name) ? null : {detail: `${show(name)} is no name`, remedy: `${NAME_RULE}; parts are joined by dots`},
)
export const tierName = text((name) =>
  isDnsLabel(name) ? null : {detail: `${show(name)} is no name of a tier`, remedy: NAME_RULE},
)

const API_VERSION = 'projectcalico.org/v3'

/** A whole document around its spec. */
export function documentOf(scope: Scope, name: Shape, spec: Shape): Shape {
  return fields(
    {kind: string, apiVersion: oneOf([API_VERSION]), metadata: metadataOf(scope, name), spec, status: anything},
    ['apiVersion', 'metadata'],
  )
}
