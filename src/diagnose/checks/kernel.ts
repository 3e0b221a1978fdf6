import {type Check, eachOf, type Found, given} from '../check.ts'
import type {Facts} from '../facts.ts'

const FULL = 0.9

/** A setting of the daemon's: it sets it once a second, so that one which is otherwise means that it does not run. */
const setting = (
  code: Check['code'],
  path: string,
  wanted: string,
  looksAt: string,
  without: string,
  severity: Found['severity'] = 'error',
): Check => ({
  ...{code, theme: 'kernel', looksAt},
  judge: ({kernel}) => {
    const value = kernel.sysctls.get(path) ?? null
    if (value === null) return {notLooked: `there is no /proc/sys/${path}: its module is not loaded`}
    const evidence = [`${path} = ${value}`]
    if (value === wanted) return {evidence, found: []}
    const detail = `${path} is ${value}, ${wanted} is wanted: ${without}`
    const remedy = `\`sysctl -w ${path}=${wanted}\`; the daemon sets it when it runs: who sets it back (/etc/sysctl.d)?`
    return {evidence, found: [{severity, where: {source: 'kernel', key: path}, detail, remedy}]}
  },
})

/** Modules that a configuration needs, by encapsulation. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  ipip: ['ipip'],
  fou: ['ipip', 'fou'],
  // Whichever of the two it is.
  auto: ['ipip'],
  wireguard: ['wireguard'],
  vxlan: ['vxlan'],
}

/** Of every site with tunnels of its own. */
export const neededModules = ({config}: Pick<Facts, 'config'>): string[] => [
  ...new Set([
    'nf_tables',
    'nf_conntrack',
    ...[...config.sites.values()].flatMap(({encapsulation}) => MODULES[encapsulation] ?? []),
    ...(config.nodes?.ipip ? ['ipip'] : []),
  ]),
]

export const KERNEL_CHECKS: readonly Check[] = [
  {
    code: 'module-missing',
    theme: 'kernel',
    looksAt: 'modules that the tunnels of the configuration need',
    judge: ({kernel}) =>
      given(kernel.modules, (modules) =>
        eachOf([...modules], 'none', ([name, there]) => ({
          evidence: `${name}: ${there ? 'there' : 'not there'}`,
          found: there
            ? null
            : {
                severity: 'error',
                where: {source: 'kernel', key: name},
                detail: `the kernel has no ${name}, neither built in nor as a module`,
                remedy: `\`modprobe ${name}\` says why; \`linux-image-amd64\` has it, cloud kernels may not`,
              },
        })),
      ),
  },
  setting('forwarding-off', 'net/ipv4/ip_forward', '1', 'whether IPv4 is forwarded', 'no packet passes this gateway'),
  setting(
    'forwarding6-off',
    'net/ipv6/conf/all/forwarding',
    '1',
    'whether IPv6 is forwarded',
    'no IPv6 packet passes this gateway',
  ),
  setting(
    'rp-filter-on',
    'net/ipv4/conf/all/rp_filter',
    '0',
    'reverse path filter of all devices',
    'packets of a site whose way back is another tunnel are dropped without a trace',
  ),
  {
    code: 'rp-filter-uplink',
    theme: 'kernel',
    looksAt: 'reverse path filter of uplinks and tunnels',
    judge: ({kernel}) =>
      eachOf(
        [...kernel.sysctls].filter(
          ([path]) => /^net\/ipv4\/conf\/.*\/rp_filter$/.test(path) && !path.includes('/all/'),
        ),
        'no uplink with a device',
        ([path, value]) => ({
          evidence: `${path} = ${value ?? 'not there'}`,
          found:
            value === '1'
              ? {
                  severity: 'error',
                  where: {source: 'kernel', key: path},
                  detail: `${path} is 1 (strict): what comes in by this device while the way back is another is dropped`,
                  remedy: `\`sysctl -w ${path}=2\` (loose), and the same in /etc/sysctl.d`,
                }
              : null,
        }),
      ),
  },
  setting(
    'redirects-sent',
    'net/ipv4/conf/all/send_redirects',
    '0',
    'ICMP redirects to nodes',
    'nodes are told to go around this gateway',
    'warning',
  ),
  setting(
    'conntrack-loose',
    'net/netfilter/nf_conntrack_tcp_loose',
    '0',
    'whether flows are taken up in their middle',
    'a flow whose state was lost comes back as new in the wrong direction, and is judged so',
  ),
  setting(
    'multipath-by-host',
    'net/ipv4/fib_multipath_hash_policy',
    '1',
    'how flows are spread over equal ways',
    'all flows between two hosts share one tunnel',
    'warning',
  ),
  {
    code: 'conntrack-nearly-full',
    theme: 'kernel',
    looksAt: 'room in the table of connections',
    judge: ({kernel}) =>
      given(kernel.conntrack, ({entries, limit}) => {
        const evidence = [`${entries} of ${limit}`]
        if (entries < limit * FULL) return {evidence, found: []}
        const detail = `${entries} connections of ${limit} are tracked: new flows will be dropped`
        const remedy =
          '`sysctl -w net.netfilter.nf_conntrack_max=…`, in /etc/sysctl.d too; who opens so many (`conntrack -L`)?'
        return {evidence, found: [{severity: 'error', where: {source: 'kernel'}, detail, remedy}]}
      }),
  },
  {
    code: 'neighbours-nearly-full',
    theme: 'kernel',
    looksAt: 'room in the table of neighbours (ARP, NDP)',
    judge: ({neighbours}) =>
      given(neighbours, ({entries, limit}) => {
        const evidence = [`${entries} of ${limit}`]
        if (entries < limit * FULL) return {evidence, found: []}
        const detail = `${entries} neighbours of ${limit}: who is not in the table cannot be sent to`
        const remedy =
          '`sysctl -w net.ipv4.neigh.default.gc_thresh3=…` (and 1, 2 below it); is a LAN too large, or scanned?'
        return {evidence, found: [{severity: 'error', where: {source: 'kernel'}, detail, remedy}]}
      }),
  },
]
