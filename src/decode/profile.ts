import type {Profile} from '../model/index.ts'
import type {Fields} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'
import {rulesOf} from './rule.ts'

export function decodeProfile(top: Fields, key: KeyName): Profile {
  const spec = top.object('spec')
  return {
    kind: 'Profile',
    meta: metaOf(top, key),
    labelsToApply: spec.labels('labelsToApply'),
    ingress: rulesOf(spec, 'ingress'),
    egress: rulesOf(spec, 'egress'),
  }
}
