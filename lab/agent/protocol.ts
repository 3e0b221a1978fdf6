/** What the lab asks of a pod's agent, and what comes back: one JSON object a line, answers by `id`. */
export type Request = {readonly id: number} & (
  | {readonly do: 'connect'; readonly to: string; readonly port: number; readonly timeoutMs: number}
  | {readonly do: 'udp-start'; readonly to: string; readonly intervalMs: number; readonly answered: boolean}
  | {readonly do: 'udp-stop'}
  | {readonly do: 'udp-received'}
  | {readonly do: 'udp-forget'}
  | {readonly do: 'flows-start'; readonly to: string; readonly everyMs: number}
  | {readonly do: 'flows-stop'}
  | {readonly do: 'tries-start'; readonly to: string; readonly port: number; readonly everyMs: number}
  | {readonly do: 'tries-stop'}
)

/** A TCP connection: who the server says we are, or why there is none. */
export interface Connected {
  readonly open: boolean
  readonly source: string | null
  readonly reason: string | null
}

export interface Sent {
  readonly sent: number
}

export interface Received {
  /** Sequence numbers that arrived, as ranges `[first, last]`. */
  readonly ranges: readonly (readonly [number, number])[]
  readonly longestGapMs: number
  /** Datagrams that came to the pod and found its sockets full, since it had no time to read them: the network lost none of these. */
  readonly overflowed: number
}

export interface Flows {
  /** The one long flow ended, or stood still for more than the patience. */
  readonly broken: number
  readonly opened: number
  /** New flows that did not open. */
  readonly failed: number
}

/** Connections that policy should refuse. */
export interface Tries {
  readonly tried: number
  readonly opened: number
}

/** Where every agent listens beside the ports of its pod: sequences by UDP, echo by TCP. */
export const TRAFFIC_PORT = 7777
