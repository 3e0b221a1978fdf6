import type {Finding, Policy} from '../model/index.ts'
import {activePolicies} from './compile/index.ts'

/**
 * What a gateway cannot mean of one global policy, field by field, as the compiler will say it once it is in force; a
 * field is named from the policy's spec on. Nothing is asked of tiers: whether they exist is for others to know.
 */
export function policyFindings(policy: Policy): readonly Finding[] {
  return activePolicies({tiers: [], policies: [policy]}).findings
}
