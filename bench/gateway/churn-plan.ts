/** What the bench `gateway` asks of its process in the namespace, and what that answers. */
export interface ChurnPlan {
  readonly endpoints: number
  readonly policies: number
  readonly quietEvents: number
  readonly steadyEvents: number
  readonly perSecond: number
  readonly burst: number
  readonly birdConfig: string
  readonly birdSocket: string
}

export interface Latencies {
  readonly kernelMs: readonly number[]
  readonly exportMs: readonly number[]
}

export interface ChurnFigures {
  readonly start: {readonly kernelMs: number; readonly exportMs: number}
  readonly quiet: Latencies
  readonly steady: Latencies & {
    /** Until etcd itself has answered who writes. */
    readonly ackMs: readonly number[]
    readonly passes: number
    readonly seconds: number
    readonly transactions: number
    readonly blockMs: number
    /** Processor time of the daemon. */
    readonly cpuMs: number
  }
  readonly burst: {
    readonly kernelMs: number
    readonly exportMs: number
    readonly transactions: number
    readonly blockMs: number
    /** Processor time of the daemon. */
    readonly cpuMs: number
  }
  readonly reconnect: {readonly etcdWrites: number; readonly kernelWrites: number}
  /** Until a record of the export that somebody deleted is there again. */
  readonly byHandMs: number
  readonly rssMib: number
}
