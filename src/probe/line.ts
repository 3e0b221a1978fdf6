/** One probe's fate, as fping's loop tells it. */
export interface ProbeLine {
  readonly target: string
  /** Counts from 0 in each process. */
  readonly sequence: number
  /** null: no answer in time. */
  readonly rttMs: number | null
}

const LINE = /^(\S+)\s+: \[(\d+)\], (?:timed out|\d+ bytes, (\d+(?:\.\d+)?(?:e[+-]?\d+)?) ms)(?: |$)/

/** Lines of any other form (a duplicate answer, an ICMP error, the summary at the end) say nothing of a probe: null. */
export function parseProbeLine(line: string): ProbeLine | null {
  const [, target, sequence, rtt] = LINE.exec(line) ?? []
  if (target === undefined || sequence === undefined) return null
  return {target, sequence: Number(sequence), rttMs: rtt === undefined ? null : Number(rtt)}
}

/** Longer than any line of fping's: whatever that is, it is dropped rather than kept. */
const MAX_LINE = 4096

/** Takes text as it comes, cut anywhere, and gives the probes of the lines that it completes. */
export function createLineReader(): (chunk: string) => ProbeLine[] {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = (lines.pop() ?? '').slice(-MAX_LINE)
    return lines.flatMap((line) => parseProbeLine(line) ?? [])
  }
}
