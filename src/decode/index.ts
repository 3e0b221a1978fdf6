/**
 * Raw records → model. One file a kind; a bad record is a finding, never an exception.
 *
 *     RawRecord ─► key (which tree, which kind) ─► UTF-8 ─► JSON ─► Fields ─► Resource ─────────┐
 *                                                              │      └────► ExportEntry ───────┼─► Decoded
 *     a document of a file ─► client's defaults ───────────────┘      └────► Finding[] ─────────┘
 *
 * The bytes are anybody's: a datastore is written by other programs, other versions and by hand, and an export by a
 * site that may be hostile. So every record has exactly one answer, and the whole chain works on `Fields`, which gives
 * an empty value for what is missing and notes what is wrong with its path. A value that parses but fails a rule is
 * refused whole (Felix does the same, calico-model 7.10); only a set's nets are skipped one by one. What is refused
 * carries a `standIn` where enough could be read: a policy that denies (`stand-in.ts`); whether a good version is
 * known that counts instead is for federate, which has a memory. Calico's tree and the isthmus tree go through the
 * same decoders; what differs is the `root` that stands in the result.
 */
export {decodeDocument} from './document.ts'
export {parseProtocol} from './numorstring.ts'
export {decodeRecord} from './record.ts'
export {parseWorkloadName, type WorkloadName} from './workload-name.ts'
