/**
 * A packet's mark between the rule that trusts its flow and the program on the device that it leaves by, which remembers
 * the flow and takes the mark off. In the flow's other direction it is one more.
 */
export const REMEMBER_MARK = 0x80000000

/** Of UDP ports, that a program compares with for each target; of more the rules judge those behind. */
export const MOST_PORT_RANGES = 8

/** Priority of our programs on a device: `is`, as the handle of our queues. Behind the filters of others, who mostly take 1. */
export const FAST_PATH_PRIORITY = 0x6973
