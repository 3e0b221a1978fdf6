import {DOCUMENTS_ROOT} from './kinds.ts'
import {type Change, POLICY_KINDS} from './plan.ts'

/** What one transaction of etcd does, if everything still is as it was read; otherwise nothing of it. */
export interface DocumentTransaction {
  readonly changes: readonly Change[]
  /** Keys that must exist. */
  readonly existing: readonly string[]
  /** Nothing below these may have changed since the read: a tier goes only while nobody puts a policy into it. */
  readonly quiet: readonly string[]
}

/** etcd's own bound on comparisons, and on writes, of one transaction (`--max-txn-ops`). */
const MAX_OPERATIONS = 128
/** Under etcd's bound on a request, 1.5 MiB, with room for keys and comparisons. */
const MAX_BYTES = 1_450_000

const POLICIES = POLICY_KINDS.map(({plural}) => `${DOCUMENTS_ROOT}${plural}/`)

/**
 * The changes as transactions: one where it fits; otherwise several, in the order of the plan, so that tiers are there
 * before their policies and go after them.
 */
export function transactionsOf(changes: readonly Change[]): DocumentTransaction[] {
  const parts: Change[][] = []
  let part: Change[] = []
  let [bytes, needs] = [0, new Set<string>()]
  for (const change of changes) {
    const size = 2 * change.key.length + Buffer.byteLength(change.text ?? '')
    const existing = new Set([...needs, ...change.needs])
    const comparisons = part.length + 1 + existing.size + ([...part, change].some(takesTier) ? POLICIES.length : 0)
    if (part.length > 0 && (comparisons > MAX_OPERATIONS || bytes + size > MAX_BYTES)) {
      parts.push(part)
      part = []
      ;[bytes, needs] = [0, new Set()]
    }
    part.push(change)
    bytes += size
    for (const key of change.needs) needs.add(key)
  }
  if (part.length > 0) parts.push(part)
  return parts.map((own) => ({
    changes: own,
    existing: [...new Set(own.flatMap((change) => change.needs))].sort(),
    quiet: own.some(takesTier) ? POLICIES : [],
  }))
}

const takesTier = ({rank, text}: Change): boolean => rank === 0 && text === null
