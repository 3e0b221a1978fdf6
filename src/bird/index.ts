/**
 * BIRD's control socket: one client for those who change BIRD (`apply/bird`) and those who read it (`observe/bird`).
 *
 *     command ──► Unix socket ──► lines `NNNN-text` … `NNNN text` ──ReplyReader──► BirdReply {code, lines}
 *
 * What is decided, is decided by the numeric code of a line; text is for people, and for the values that BIRD gives
 * in no other way. One request at a time on a connection, since the protocol has no numbers for requests. A BIRD that
 * is not there is an expected state of a node, so it has an error class of its own, and is no bug.
 */
export {BirdClient, BirdUnreachable} from './client.ts'
export {type KeptBird, keepBird} from './kept-client.ts'
export {type BirdReply, ReplyReader, refusalOf, replyCode} from './reply.ts'
