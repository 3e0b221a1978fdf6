/**
 * Many sites' records → one World: whose address is whose, who may speak for it, and which policy counts.
 *
 *     DecodedBatch ─► SourceStore ─┬─► Holding (effective labels, relabelled remotes) ─► Ownership ─► MemberTable ─┐
 *      (per source)  what changed  ├─► policies, tiers ──► resolvePolicies (authorities, precedence) ──────────────┼─► World
 *                                  ├─► site, gateways ───► viewSites (grants, inner addresses) ────────────────────┤
 *                                  └─► nodes, findings ────────────────────────────────────────────────────────────┘
 *
 * `Federation` is the one stateful class among the pure stations, because a million addresses cannot be recomputed for
 * one pod. It is held to the whole by a property test: any order, split, repetition or squash of what a source said
 * gives the World that one list gives (`test/federate/paths.test.ts`). Everything else is a function of small inputs,
 * recomputed when one of them changed, and the same object as before when nothing came of it, so that later stations
 * may memoise by reference. `World.members` is a live view with `memberRevision`; findings are made anew from the
 * state, so they heal by themselves. What a remote last said stays until it says something else. The one exception to
 * "whatever the path": of a document that is refused the last good version stays (`source-store.ts`), so there the
 * World depends on whether a good one was seen; `refused.ts` says so in a finding.
 */
export {type Claim, type Contest, type ResolvedClaims, resolveClaims} from './claims.ts'
export {Federation} from './federation.ts'
export type {MemberChange, MemberChanges} from './member-changes.ts'
export {
  isLost,
  judgeSite,
  LISTEN_MS,
  nextPresence,
  SITE_STATES,
  type SiteSigns,
  type SiteState,
  siteFinding,
  wantedPresence,
} from './site-state.ts'
