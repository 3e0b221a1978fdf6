import type {ClusterInformation} from '../model/index.ts'
import type {Fields} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'

export function decodeClusterInformation(top: Fields, key: KeyName): ClusterInformation {
  const spec = top.object('spec')
  return {
    kind: 'ClusterInformation',
    meta: metaOf(top, key),
    // An absent flag means ready (calico-model 1.4).
    ready: spec.has('datastoreReady') ? spec.flag('datastoreReady') : true,
    guid: spec.text('clusterGUID') || null,
  }
}
