import {type Check, eachOf, given} from '../check.ts'

export const POLICY_CHECKS: readonly Check[] = [
  {
    code: 'policy-denies-health',
    theme: 'policy',
    looksAt: 'whether policy lets this gateway reach the etcds that tell whether a site lives',
    judge: ({health}) =>
      given(health, (flows) =>
        eachOf(flows, 'no etcd lies behind the interconnect', ({what, from, to, port, verdict, by}) => ({
          evidence: `${what}: ${from} → ${to} TCP ${port}: ${verdict} (${by})`,
          found:
            verdict === 'allow'
              ? null
              : {
                  severity: 'error',
                  where: {source: what, key: `${to}:${port}`},
                  detail: `policy denies ${from} → ${to} TCP ${port} (${by}): by that ${what} is read, and without it the site counts as lost`,
                  remedy: `\`isthmus policy trace --from ${from} --to ${to} --protocol tcp --port ${port}\`; allow it, or an endpoint outside the sites' prefixes`,
                },
        })),
      ),
  },
]
