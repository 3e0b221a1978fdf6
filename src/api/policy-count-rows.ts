/**
 * What a policy decided since the gateway started, its two directions together. A packet is counted where it is judged: the
 * first of a flow, the first after each change of policy, and every packet of what is denied.
 */
export interface PolicyCountsRow extends Counts {
  /** Packets. */
  readonly denied: number
  /** Flows that would be allowed, or denied, if it were in force; null: it is. */
  readonly wouldAllow: number | null
  readonly wouldDeny: number | null
  /** In the list, those that decided something; of a policy asked for by name, all. */
  readonly rules: readonly RuleCounts[]
  /** Of a staged policy: what would change, by direction. */
  readonly changes: readonly ChangeCounts[]
}

export interface Counts {
  readonly flows: number
  readonly packets: number
  readonly bytes: number
}

export interface RuleCounts extends Counts {
  readonly direction: 'ingress' | 'egress'
  /** 0-based; null: no single rule, since the source port decides, which is not counted, or the policy is refused. */
  readonly rule: number | null
  /** `depends`: allowed or denied by the source port. `pass` and `log` decide nothing: their counts are in no sum of the policy. */
  readonly action: 'allow' | 'deny' | 'pass' | 'log' | 'depends'
}

export interface ChangeCounts extends Counts {
  readonly direction: 'ingress' | 'egress'
  readonly would: 'allow' | 'deny'
}
