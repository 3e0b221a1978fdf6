import {command} from './processes.ts'

export type Need = 'ipip' | 'wireguard' | 'vxlan'

/** Arguments with which a device of the kind can be made, if the kernel has it at all. */
const TRIALS: Readonly<Record<Need, string>> = {
  ipip: 'type ipip local 192.0.2.1 remote 192.0.2.2',
  wireguard: 'type wireguard',
  vxlan: 'type vxlan id 1 local 192.0.2.1 remote 192.0.2.2 dstport 4789',
}

/** Which of the needs the running kernel has not; tried with a real device, since a module may load on demand. */
export async function lacking(needs: readonly Need[]): Promise<Need[]> {
  const namespace = `il-probe-${process.pid}`
  await command(['ip', 'netns', 'add', namespace])
  try {
    const results = await Promise.all(
      needs.map(async (need, index) => {
        const {status} = await command([
          'ip',
          '-n',
          namespace,
          'link',
          'add',
          `probe${index}`,
          ...TRIALS[need].split(' '),
        ])
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
