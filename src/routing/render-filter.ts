import {type Community, GRACEFUL_SHUTDOWN, PRIVATE_AS, sessionsOf} from '../model/index.ts'
import type {Change, Condition, FilterRule, PrefixPattern} from './bird-config.ts'
import {block, quoted} from './render-text.ts'

const PRIVATE_SET = PRIVATE_AS.map(([first, last]) => `${first}..${last}`).join(', ')

/** A filter of one direction as BIRD's statements. */
export function renderFilter(direction: 'import' | 'export', rules: readonly FilterRule[]): string[] {
  if (rules.length === 0) return [`${direction} none;`]
  return block(
    `${direction} filter`,
    [...rules.flatMap(renderRule).flatMap((text) => text.split('\n')), 'reject;'],
    '};',
  )
}

export function renderRule({when, verdict, set = []}: FilterRule): string[] {
  const condition = when.length === 0 ? 'true' : when.map(renderCondition).join(' && ')
  const decision = verdict === 'continue' ? [] : [`${verdict};`]
  if (set.length === 0) return [`if ${condition} then ${decision[0] ?? '{}'}`]
  return block(`if ${condition} then`, [...set.flatMap(renderChange), ...decision])
}

export function renderCondition(condition: Condition): string {
  switch (condition.is) {
    case 'net':
      return `net ~ [ ${condition.patterns.map(renderPattern).join(', ')} ]`
    case 'path':
      return `bgp_path ~ [= ${condition.as} =]`
    case 'path-behind':
      return `bgp_path ~ [= ${condition.neighbor} * ${condition.origin} =]`
    case 'path-through':
      return `bgp_path ~ [ ${condition.as.join(', ')} ]`
    case 'path-from':
      return `bgp_path.last ~ [ ${condition.as.join(', ')} ]`
    case 'path-next':
      return `bgp_path.first ~ [ ${condition.as.join(', ')} ]`
    case 'path-longer':
      return `bgp_path.len > ${condition.than}`
    case 'path-private':
      return `bgp_path ~ [ ${PRIVATE_SET} ]`
    case 'local-pref':
      return `bgp_local_pref = ${condition.value}`
    case 'community':
      return renderCommunityMatch(condition.any)
    case 'source':
      return `source = ${{bgp: 'RTS_BGP', device: 'RTS_DEVICE'}[condition.source]}`
    case 'reachable':
      return 'dest != RTD_UNREACHABLE'
    case 'from':
      return `proto = ${quoted(condition.protocol)}`
    case 'not-from':
      return `proto != ${quoted(condition.protocol)}`
    case 'from-tunnel':
      return `proto ~ ${quoted(sessionsOf('tunnel'))}`
    case 'any-of':
      return `(${condition.groups.map(renderGroup).join(' ||\n  ')})`
    case 'none-of':
      return `!(${condition.groups.map(renderGroup).join(' || ')})`
  }
}

const renderGroup = (group: readonly Condition[]): string => `(${group.map(renderCondition).join(' && ')})`

export function renderPattern({prefix, longer, lengths}: PrefixPattern): string {
  if (lengths) return `${prefix}{${lengths.from},${lengths.to}}`
  return `${prefix}${longer ? '+' : ''}`
}

const LISTS = {
  standard: 'bgp_community',
  large: 'bgp_large_community',
  rt: 'bgp_ext_community',
  soo: 'bgp_ext_community',
} as const

function renderCommunity({kind, parts}: Community): string {
  const name = kind === 'rt' ? ['rt'] : kind === 'soo' ? ['ro'] : []
  return `(${[...name, ...parts.map((part) => part ?? '*')].join(', ')})`
}

/** One set a kind, in their order. */
function renderCommunityMatch(any: readonly Community[]): string {
  const lists = (['bgp_community', 'bgp_ext_community', 'bgp_large_community'] as const).flatMap((list) => {
    const members = any.filter(({kind}) => LISTS[kind] === list)
    return members.length === 0 ? [] : [`${list} ~ [ ${members.map(renderCommunity).join(', ')} ]`]
  })
  return lists.length === 1 ? lists[0]! : `(${lists.join(' || ')})`
}

function renderChange(change: Change): string[] {
  switch (change.attribute) {
    case 'local-pref':
      return [`bgp_local_pref = ${change.value};`]
    case 'preference':
      return [`preference = ${change.value};`]
    case 'shutdown-pref':
      return [`if ${renderCommunity(GRACEFUL_SHUTDOWN)} ~ bgp_community then bgp_local_pref = 0;`]
    case 'origin':
      return [`bgp_origin = ${{igp: 'ORIGIN_IGP', incomplete: 'ORIGIN_INCOMPLETE'}[change.value]};`]
    case 'prefsrc':
      return [`krt_prefsrc = ${change.value};`]
    case 'med':
      return change.value === null ? ['unset(bgp_med);'] : [`bgp_med = ${change.value};`]
    case 'path':
      return ['bgp_path.empty;']
    case 'path-private':
      return [`bgp_path.delete([ ${PRIVATE_SET} ]);`]
    case 'prepend':
      return [`bgp_path.prepend(${change.value});`]
    case 'communities':
      return ['bgp_community.empty;', 'bgp_ext_community.empty;', 'bgp_large_community.empty;']
    case 'add-community':
      return [`${LISTS[change.value.kind]}.add(${renderCommunity(change.value)});`]
    case 'remove-community':
      return [`${LISTS[change.value.kind]}.delete([ ${renderCommunity(change.value)} ]);`]
  }
}
