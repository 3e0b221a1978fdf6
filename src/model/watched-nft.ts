/**
 * Flows that are allowed, and that a staged policy would deny: every packet of such a flow is judged, so that it is
 * counted. The words that the compiler, which finds them, and the plan, which marks what is allowed, share.
 */

/** The chain that says of a packet's flow that it is one; where the policy has it, `allowed` asks for its mark. */
export const WATCHED = 'watched'

/**
 * The mark of such a flow, and of one that was one: no generation has these numbers, so no packet is trusted by them, and
 * neither by a twin that gets them from conntrackd.
 */
export const WATCHED_MARK = '0x00000001'
export const UNWATCHED_MARK = '0x00000002'
