import type {Tier} from '../model/index.ts'
import type {Fields} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'

export function decodeTier(top: Fields, key: KeyName): Tier {
  const spec = top.object('spec')
  // Any word but Pass means Deny (upd/tierprocessor.go): an unknown action must not open anything.
  const action = spec.raw('defaultAction')
  return {
    kind: 'Tier',
    meta: metaOf(top, key),
    order: spec.number('order'),
    defaultAction: action === 'Pass' ? 'Pass' : 'Deny',
  }
}
