/** What an uplink's device may send, and that control goes first when that is not enough. */
export interface QueueSpec {
  readonly device: string
  readonly rateMbit: number
}

/** A device's root queue that somebody has set: ours, or not. */
export type ActualQueue =
  | {readonly device: string; readonly ours: true /** null: not as we make it. */; readonly rateMbit: number | null}
  | {readonly device: string; readonly ours: false /** As `tc` names it. */; readonly kind: string}

/** Handle of our root queue: `is`. */
export const QUEUE_HANDLE = 0x6973
const CONTROL_MINOR = 7
/**
 * Priority of control packets, as `tc` writes it: a class of our queue; for queues that sort by the last digit (pfifo_fast,
 * prio, mq over them) the highest band.
 */
export const CONTROL_CLASS = `${QUEUE_HANDLE.toString(16)}:${CONTROL_MINOR}`
export const CONTROL_CLASS_ID = QUEUE_HANDLE * 0x10000 + CONTROL_MINOR
