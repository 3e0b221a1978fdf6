/** What the bench `federation` asks of its processes in the namespace, and what they answer. */
export interface FederationPlan {
  readonly sites: number
  /** Of each site. */
  readonly endpoints: number
  readonly policies: number
  /** Of this gateway, with a tunnel from each to each site; 0: one, and no tunnels. */
  readonly uplinks: number
  /** 0: it ends before, with the scrapes. */
  readonly churnEvents: number
  readonly perSecond: number
  readonly birdConfig: string
  readonly birdSocket: string
}

/** What scrapes of the daemon cost once all is in the kernel. */
export interface ScrapeFigures {
  readonly ms: readonly number[]
  readonly bytes: number
  readonly tunnels: number
}

export interface FederationFigures {
  readonly cold: {
    readonly seconds: number
    /** Most that was resident. */
    readonly rssMib: number
    readonly cpuSeconds: number
    readonly blockMs: number
    /** Some seconds after all was in the kernel. */
    readonly settledRssMib: number
  }
  readonly scrape: ScrapeFigures
  readonly reconnect: {
    /** The watch goes on. */
    readonly resumedSeconds: number
    /** What it would go on from is compacted: the site is listed anew, and nothing in it has changed. */
    readonly listedSeconds: number
    readonly kernelWrites: number
    readonly blockMs: number
  }
  readonly churn: {
    readonly events: number
    readonly kernelMs: readonly number[]
    /** Until etcd itself has answered who writes. */
    readonly ackMs: readonly number[]
    readonly lost: number
    readonly blockMs: number
    readonly cpuMs: number
  }
  readonly steps: StepFigures
}

/** What each step of a start costs by itself, one after the other in one process. */
export interface StepFigures {
  readonly listSeconds: number
  readonly decodeSeconds: number
  readonly federateSeconds: number
  readonly compileSeconds: number
  readonly nftSeconds: number
}
