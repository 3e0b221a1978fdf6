/** The four parts of a WorkloadEndpoint's name. */
export interface WorkloadName {
  readonly node: string
  readonly orchestrator: string
  /** Pod, container id or workload, by orchestrator. */
  readonly workload: string
  readonly endpoint: string
}

/**
 * Splits `worker--1-k8s-web--0-eth0`: parts joined by `-`, a `-` inside a part doubled (calico-model 1.2).
 * `null` unless there are exactly four parts.
 */
export function parseWorkloadName(name: string): WorkloadName | null {
  const parts: string[] = []
  let part = ''
  for (let i = 0; i < name.length; i++) {
    // A part may not begin with `-`, so the first character is never looked at as a separator.
    if (name[i] !== '-' || i === 0) part += name[i]
    else if (name[i + 1] === '-') {
      part += '-'
      i++
    } else {
      parts.push(part)
      part = ''
    }
  }
  parts.push(part)
  const [node, orchestrator, workload, endpoint] = parts
  if (parts.length !== 4 || !node || !orchestrator || !workload || !endpoint) return null
  return {node, orchestrator, workload, endpoint}
}
