import type {LostRule, RemoteLimits} from '../../src/model/index.ts'

export const LOST_RULE: LostRule = {
  suspectAfterMs: 30_000,
  staleAfterMs: 300_000,
  afterMs: 86_400_000,
  action: 'withdraw',
  forgetAfterMs: null,
}

/** The defaults too. */
export const LIMITS: RemoteLimits = {keys: 300_000, attributeSets: 10_000, bytes: 256 * 2 ** 20}
