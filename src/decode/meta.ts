import type {Meta} from '../model/index.ts'
import type {Fields} from './fields.ts'

/** What the key says of a resource. */
export interface KeyName {
  readonly name: string
  readonly namespace: string | null
}

/** The metadata, under the key's name: the key is the identity, the value only has to agree. */
export function metaOf(top: Fields, key: KeyName, expectName: readonly string[] = [key.name]): Meta {
  const metadata = top.object('metadata')
  const name = metadata.text('name')
  const namespace = metadata.text('namespace')
  if (name !== '' && !expectName.includes(name)) metadata.differ('name', `${name} is not the key's ${key.name}`)
  if (namespace !== '' && namespace !== (key.namespace ?? '')) {
    metadata.differ('namespace', `${namespace} is not the key's ${key.namespace ?? 'cluster scope'}`)
  }
  return {
    name: key.name,
    namespace: key.namespace,
    labels: metadata.labels('labels'),
    annotations: metadata.labels('annotations'),
  }
}
