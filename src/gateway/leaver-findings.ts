import type {Finding, GatewayName, SiteName} from '../model/index.ts'
import type {Leadership} from './election.ts'
import type {Staying} from './leavers.ts'

/** What an operator should know of the export: another process under this name, and records that wait for their end. */
export function publishFindings(
  site: SiteName,
  gateway: GatewayName,
  {nameTaken, leads}: Leadership,
  staying: readonly Staying[],
): readonly Finding[] {
  const where = {source: `export ${site}`}
  const taken: Finding = {
    code: 'gateway-name-taken',
    severity: 'error',
    where: {...where, key: `/isthmus/v1/alive/${gateway}`},
    detail: `another process runs as gateway ${gateway} of site ${site}; this one publishes nothing`,
    remedy: 'give each gateway of the site a name of its own, in gateway.yaml',
  }
  const kept = staying.flatMap(({owner, namedBy, leftMs}): Finding[] => {
    const [kind = '', name = ''] = owner.split('/', 2)
    // A gateway that is named, or lives, is as it should be.
    if (kind === 'gateway' && leftMs === null) return []
    const why =
      leftMs === null ? `${namedBy.join(' and ')} still names it` : 'no living gateway names it; they go after a time'
    return [
      {
        code: 'export-not-named',
        severity: 'warning',
        where,
        detail: `the export has records of ${kind} ${name}, which ${gateway} does not name: ${why}`,
        remedy: `give all gateways of the site the same datastores; each names the other as \`twin\``,
      },
    ]
  })
  return [...(nameTaken ? [taken] : []), ...(leads ? kept : [])]
}
