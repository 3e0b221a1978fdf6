/**
 * The referee: packet + World → verdict, slow and obvious.
 *
 *     Packet ─► who holds the addresses ─► egress of the source ─► ingress of the destination ─► Judgement
 *
 * It is written from calico-model 3 and 4 and from formats.md, and imports nothing of the compiler: random worlds and
 * packets must give one verdict in both. It also answers `trace`, since its answer names the rule that decided.
 */

export {exportedCalico} from './exported-calico.ts'
export {directions, type Judged, judge, type RuleNote} from './judge.ts'
export {cannotBeMeant} from './match-rule.ts'
export {type CalicoView, calicoView, judgeOwn, type OwnJudgement} from './own-calico.ts'
export {type AddressView, type Holder, type Judgement, type Packet, viewAddress} from './packet.ts'
export {storedCalico} from './stored-calico.ts'
