import type {LinkSpec, SysctlSpec} from '../model/index.ts'

/**
 * Kernel settings that the daemon owns; docs/reference/kernel-settings.md has the same table with reasons.
 *
 * rp_filter is the larger of `all` and the device, so `all` must be 0; nft checks sources instead, per tunnel.
 * With tcp_loose 1 a flow whose entry was lost would come back as new in the wrong direction. `memoryBytes` is the machine's; 0:
 * the table of flows stays as large as it is.
 */
export function planSysctls(links: readonly LinkSpec[], memoryBytes = 0): SysctlSpec[] {
  const fixed: [string, string][] = [
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv6/conf/all/forwarding', '1'],
    ['net/ipv4/conf/all/rp_filter', '0'],
    ['net/ipv4/conf/all/send_redirects', '0'],
    ['net/ipv4/fib_multipath_hash_policy', '1'],
    ['net/ipv6/fib_multipath_hash_policy', '1'],
    ['net/netfilter/nf_conntrack_tcp_loose', '0'],
  ]
  return [
    ...fixed.map(([path, value]) => ({path: path.split('/'), value})),
    ...[...flowTable(memoryBytes), ...NEIGHBOURS].map(
      ([path, value]) => ({path: path.split('/'), value: String(value), isLeast: true}) as const,
    ),
    ...links.flatMap(({name}) => [
      {path: ['net', 'ipv4', 'conf', name, 'rp_filter'], value: '0'},
      {path: ['net', 'ipv4', 'conf', name, 'send_redirects'], value: '0'},
    ]),
  ]
}

/** The kernel's own thresholds (128, 512, 1024) are those of a host: beyond the last one nobody new can be sent to. */
const NEIGHBOURS = ['ipv4', 'ipv6'].flatMap((family) =>
  [1024, 4096, 8192].map((entries, index) => [`net/${family}/neigh/default/gc_thresh${index + 1}`, entries] as const),
)

/** A flow takes some 400 bytes, so a full table a tenth of the memory. */
const BYTES_A_FLOW = 4096
const MOST_FLOWS = 2 ** 22
const STEP = 1024

/** The kernel gives a machine of 1 GiB 8,192 flows, and one of 4 GiB 65,536. Two flows a bucket. */
function flowTable(memoryBytes: number): [string, number][] {
  const flows = Math.min(MOST_FLOWS, Math.floor(memoryBytes / BYTES_A_FLOW / STEP) * STEP)
  if (flows === 0) return []
  return [
    ['net/netfilter/nf_conntrack_buckets', flows / 2],
    ['net/netfilter/nf_conntrack_max', flows],
  ]
}
