/**
 * The eyes: what the kernel, WireGuard and BIRD say of themselves, for status and metrics. Nothing is changed here.
 *
 *     kernel, BIRD ──read──► plain state ──► status (GatewayView), metrics (each part's own metrics.ts)
 *
 * Every reading is a value of one moment; whoever needs it often decides how often. What is away is told as away and
 * never thrown; what is not understood is left out and never guessed. What must be compared with a plan is read by
 * the drivers in `apply`, which own that part of the node.
 */
export {
  askRoutes,
  type BfdSession,
  type BgpSessionState,
  type BirdMetrics,
  createBirdMetrics,
  type RouteQuestion,
  type RouterState,
  readRouter,
} from './bird/index.ts'
export {type ConntrackUse, readConntrack} from './conntrack.ts'
export {readKernelMartians} from './kernel-martians.ts'
export {
  registerConntrackMetrics,
  registerFastPathMetrics,
  registerMartianMetric,
  registerSoftirqMetric,
  registerTunnelMetrics,
  type TunnelSample,
} from './metrics.ts'
export {readSoftirqSeconds} from './softirq.ts'
export {createTunnelReader, type DeviceCounters, type Flow, type TunnelReader} from './tunnels.ts'
