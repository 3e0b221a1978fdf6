/**
 * Measures the tunnels: how long a packet takes to the other gateway and back, how much of that is lost, small and as
 * large as the tunnel takes, and which size the path carries.
 *
 *     tunnels ──groups──► fping (long-lived) ──lines──► a window a tunnel and size ──► readings (status, metrics)
 *     a range of sizes ──► fping (once a size) ──► the largest that passes
 *
 * Node only reads: `fping` sends and keeps the time, and one process serves all tunnels that it can tell apart, since it
 * knows one size and at most one device (decision 0115). What a line means, what a window says and which processes there
 * are is pure; a process that dies comes again with backoff, and all of them end with the daemon. Where fping is not
 * installed there are no readings, and everything else goes on. What follows of a reading is decided by `tunnels`.
 */
export {type EchoAnswer, type EchoQuestion, echo, parseEcho} from './echo.ts'
export {type ProbedTunnel, type ProbeSize, type ProbeTimes, probeGroups} from './groups.ts'
export {createLanJudge} from './lan-judge.ts'
export {watchLan} from './lan-watch.ts'
export {createLineReader, type ProbeLine, parseProbeLine} from './line.ts'
export {type ProbeSample, registerProbeMetrics} from './metrics.ts'
export {type Prober, type ProberOptions, type Readings, startProber, type TunnelReadings} from './prober.ts'
export {largestPassing, probeOnce} from './search.ts'
export {createProbeWindow, type ProbeReading, type ProbeWindow} from './window.ts'
