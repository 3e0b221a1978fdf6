import type {LinkSpec, SysctlSpec} from '../model/index.ts'

/**
 * Kernel settings that the daemon owns; docs/reference/kernel-settings.md has the same table with reasons.
 *
 * rp_filter is the larger of `all` and the device, so `all` must be 0; nft checks sources instead, per tunnel.
 * With tcp_loose 1 a flow whose entry was lost would come back as new in the wrong direction.
 */
export function planSysctls(links: readonly LinkSpec[]): SysctlSpec[] {
  const fixed: [string, string][] = [
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv6/conf/all/forwarding', '1'],
    ['net/ipv4/conf/all/rp_filter', '0'],
    ['net/ipv4/conf/all/send_redirects', '0'],
    ['net/ipv4/fib_multipath_hash_policy', '1'],
    ['net/netfilter/nf_conntrack_tcp_loose', '0'],
  ]
  return [
    ...fixed.map(([path, value]) => ({path: path.split('/'), value})),
    ...links.flatMap(({name}) => [
      {path: ['net', 'ipv4', 'conf', name, 'rp_filter'], value: '0'},
      {path: ['net', 'ipv4', 'conf', name, 'send_redirects'], value: '0'},
    ]),
  ]
}
