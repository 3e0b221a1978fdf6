/** Packets that were judged, as the kernel counts them: by class pair, protocol and port. */
export interface JudgedElement {
  /** Class numbers of the flow's two ends; 0: of no class. */
  readonly source: number
  readonly destination: number
  readonly protocol: number
  /** Of the flow's destination; ICMP: type × 256 + code. null: the protocol has none. */
  readonly port: number | null
  /** Whether these were flows that nothing had judged before. */
  readonly fresh: boolean
  readonly packets: number
  readonly bytes: number
}
