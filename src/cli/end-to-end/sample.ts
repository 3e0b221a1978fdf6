import type {Rows} from '../../api/client.ts'

/** Whole numbers from 0 to below a bound; the same seed gives the same (mulberry32). */
export function seededBelow(seed: number): (bound: number) => number {
  let state = seed >>> 0
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }
}

export interface SampledFlow {
  readonly from: string
  readonly to: string
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'icmpv6'
  readonly number: number
  readonly sourcePort?: number
  readonly port?: number
  readonly type?: number
  readonly code?: number
}

const PAIRS = 4
const USUAL_PORTS = [22, 80, 443, 5432, 6379, 8080]

const isV6 = (address: string): boolean => address.includes(':')

/** So many of them, none twice, in random order. */
export function pick<T>(items: readonly T[], most: number, below: (bound: number) => number): T[] {
  const left = [...items]
  const picked: T[] = []
  while (left.length > 0 && picked.length < most) picked.push(...left.splice(below(left.length), 1))
  return picked
}

/** Some pairs of one of ours and one of theirs, both ways; of each pair a ping, a usual port and a random one. */
export function sampleFlows(
  own: readonly Rows['endpoints'][],
  remote: readonly Rows['endpoints'][],
  below: (bound: number) => number,
): SampledFlow[] {
  const theirs = pick(remote, PAIRS, below)
  return theirs.flatMap(({address: there}) => {
    const [near] = pick(
      own.filter(({address}) => isV6(address) === isV6(there)),
      1,
      below,
    )
    if (!near) return []
    const ports: Pick<SampledFlow, 'protocol' | 'number' | 'port'>[] = [
      {protocol: 'tcp', number: 6, port: USUAL_PORTS[below(USUAL_PORTS.length)]!},
      {protocol: 'tcp', number: 6, port: 1 + below(65_535)},
      {protocol: 'udp', number: 17, port: 1 + below(65_535)},
    ]
    const ping = isV6(there)
      ? ({protocol: 'icmpv6', number: 58, type: 128, code: 0} as const)
      : ({protocol: 'icmp', number: 1, type: 8, code: 0} as const)
    return [
      {from: near.address, to: there},
      {from: there, to: near.address},
    ].flatMap((ends) => [{...ends, ...ping}, ...ports.map((port) => ({...ends, ...port, sourcePort: 40_000}))])
  })
}
