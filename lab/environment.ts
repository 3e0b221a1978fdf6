import {command, inNamespace} from './processes.ts'

export type Need = 'ipip' | 'fou' | 'wireguard' | 'vxlan'

/** Commands of `ip` that work if the kernel has the kind at all. */
const TRIALS: Readonly<Record<Need, string>> = {
  ipip: 'link add probe0 type ipip local 192.0.2.1 remote 192.0.2.2',
  // Nothing that is asked of the kernel loads this module.
  fou: 'fou add port 5555 ipproto 4',
  wireguard: 'link add probe1 type wireguard',
  vxlan: 'link add probe2 type vxlan id 1 local 192.0.2.1 remote 192.0.2.2 dstport 4789',
}

/** Which of the needs the running kernel has not; tried with a real device, since a module may load on demand. */
export async function lacking(needs: readonly Need[]): Promise<Need[]> {
  const namespace = `il-probe-${process.pid}`
  await command(['ip', 'netns', 'add', namespace])
  try {
    if (needs.includes('fou')) await command(['modprobe', '-q', 'fou'])
    const results = await Promise.all(
      needs.map(async (need) => {
        // Of generic netlink `ip -n` would ask the first namespace.
        const {status} = await command(inNamespace(namespace, 'ip', ...TRIALS[need].split(' ')))
        return status === 0 ? [] : [need]
      }),
    )
    return results.flat()
  } finally {
    await command(['ip', 'netns', 'delete', namespace])
  }
}

/** Where the figures of this run come from; the VM runner sets the variable inside. */
export function environmentName(): 'direct' | 'kvm' | 'tcg' {
  const value = process.env.ISTHMUS_ENVIRONMENT
  return value === 'kvm' || value === 'tcg' ? value : 'direct'
}

/**
 * An emulated CPU judges what happens, not how soon (formats.md): there, limits of time are this much longer, and
 * traffic is this much slower, so that what is lost is lost by the network and not by a receiver without a CPU.
 */
export const slowness = (): number => (environmentName() === 'tcg' ? 10 : 1)
