import type {TraceLine} from '../policy/index.ts'

/** One line for people: `deny: rule 0 of GlobalNetworkPolicy db in tier default (ingress at site b)`. */
export function describeJudgement(line: {readonly [K in keyof TraceLine]?: unknown}): string {
  const {verdict, reason, direction, site, kind, tier, policy, rule} = line
  const where = direction === null || direction === undefined ? '' : ` (${direction} at site ${site})`
  const which =
    reason === 'rule'
      ? `${rule === null ? 'a policy that cannot be read whole, ' : `rule ${rule} of `}${kind} ${policy} in tier ${tier}`
      : reason === 'tier'
        ? `the end of tier ${tier}`
        : reason === 'default'
          ? 'no policy decides, the default'
          : reason === 'closed'
            ? `site ${site} is closed at this gateway, since it is lost (sites.${site}.lost)`
            : 'neither address belongs to a site'
  return `${verdict}: ${which}${where}`
}
