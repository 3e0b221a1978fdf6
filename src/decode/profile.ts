import type {Profile} from '../model/index.ts'
import type {Fields} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'
import {checkRules, rulesOf} from './rule.ts'

export function decodeProfile(top: Fields, key: KeyName): Profile {
  const spec = top.object('spec')
  const profile: Profile = {
    kind: 'Profile',
    meta: metaOf(top, key),
    labelsToApply: spec.labels('labelsToApply'),
    ingress: rulesOf(spec, 'ingress'),
    egress: rulesOf(spec, 'egress'),
  }
  checkRules(spec, profile)
  return profile
}
