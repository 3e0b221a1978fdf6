import {brief, type Decoded, type DecodedBad, type Finding} from '../model/index.ts'
import {isGlobalPolicy} from './policies.ts'

/** What policy is made of. Of these the last good version counts while the stored one is refused. */
const OF_POLICY: ReadonlySet<string> = new Set([
  ...['Tier', 'GlobalNetworkPolicy', 'StagedGlobalNetworkPolicy', 'NetworkSet', 'GlobalNetworkSet', 'Profile'],
  ...['WorkloadEndpoint', 'HostEndpoint', 'attributes', 'endpoints'],
])

/** The source of a record. */
export interface SourceRole {
  /** As findings name it. */
  readonly name: string
  /** Whether the policies of its site count: it is an authority. */
  readonly policies: boolean
}

/** The good version that is to count instead, if the record that is known is one. */
export function keepsLastGood(known: Decoded | undefined, refused: DecodedBad): known is Decoded {
  return known !== undefined && known.type !== 'bad' && known.type !== 'ignored' && isOfPolicy(refused)
}

const isOfPolicy = ({kind}: DecodedBad): boolean => kind !== null && OF_POLICY.has(kind)

/**
 * What is in force in place of a refused record. Decode has said what is wrong with it; this says what comes of it, and
 * is nothing where nothing does: a site's own policy, a staged one, a record that policy is not made of.
 */
export function consequenceOf(
  refused: DecodedBad,
  {name, policies}: SourceRole,
  inForce: Decoded | null,
): Finding | null {
  const {kind} = refused
  if (!isOfPolicy(refused) || kind === 'StagedGlobalNetworkPolicy') return null
  if (!policies && (kind === 'GlobalNetworkPolicy' || kind === 'Tier')) return null
  const found = consequence(refused, inForce)
  return (
    found && {
      ...{code: found.code, severity: found.code === 'refused-last-good' ? 'warning' : 'error'},
      ...{where: {source: name, key: brief(refused.key)}, detail: found.detail, remedy: 'mend or delete the document'},
    }
  )
}

type Consequence = {readonly code: Finding['code']; readonly detail: string} | null

function consequence(refused: DecodedBad, inForce: Decoded | null): Consequence {
  if (inForce === null) {
    return {
      code: 'refused-absent',
      detail: `this ${refused.kind} is refused, no good version of it is known, and what it is about cannot be read: nothing of it is in force`,
    }
  }
  const resource = inForce.type === 'resource' ? inForce.resource : null
  if (inForce.type === 'resource' && resource?.kind === 'GlobalNetworkPolicy') {
    if (!isGlobalPolicy(inForce.root, resource)) return null
  }
  if (inForce !== refused.standIn) {
    const detail = `this ${refused.kind} is refused: its last good version, of revision ${inForce.modRevision}, stays in force`
    return {code: 'refused-last-good', detail}
  }
  const detail =
    refused.kind === 'Tier'
      ? 'this tier is refused and no good version of it is known: where its place cannot be read, its policies deny all that they govern, before all others'
      : 'this policy is refused and no good version of it is known: it denies all that it governs'
  return {code: 'refused-denies', detail}
}
