/**
 * A packet's mark between the rule that trusts its flow and the program on the device that it leaves by, which remembers
 * the flow and takes the mark off.
 */
export const REMEMBER_MARK = 0x80000000
