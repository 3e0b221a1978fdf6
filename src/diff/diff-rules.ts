import {type NetlinkStep, type SourceRule, sourceRuleText, stepKey} from '../model/index.ts'
import {keyBy} from './keyed-delta.ts'

/** Rules by source: what is missing before what goes, so that a change of table leaves no moment without one. */
export function diffRules(wanted: readonly SourceRule[], held: readonly SourceRule[]): NetlinkStep[] {
  const [want, have] = [keyBy(wanted, sourceRuleText), keyBy(held, sourceRuleText)]
  const base = {needs: [], driver: 'netlink'} as const
  return [
    ...[...want].flatMap(([text, rule]): NetlinkStep[] =>
      have.has(text) ? [] : [{...base, key: stepKey(`rule ${text}`), reason: 'missing', do: 'rule-add', rule}],
    ),
    ...[...have].flatMap(([text, rule]): NetlinkStep[] => {
      if (want.has(text)) return []
      return [{...base, key: stepKey(`unrule ${text}`), reason: 'no longer wanted', do: 'rule-delete', rule}]
    }),
  ]
}
