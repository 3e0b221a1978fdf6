import {addressNumber} from '../../src/net/index.ts'
import type {Compiled} from '../../src/policy/index.ts'
import type {Random} from './random.ts'
import {type Endpoint, UDP_PORTS} from './workload.ts'

export const [TCP, UDP] = [6, 17]
const MAX_TRIES = 500_000

/** One flow, UDP where nothing else is said. */
export interface Flow {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly port: number
}

/** Random pairs of endpoints, one in site a and one in any other, with a port that the policy allows or denies them. */
export function randomFlows(
  compiled: Compiled,
  endpoints: readonly Endpoint[],
  count: number,
  random: Random,
  wanted: 'allow' | 'deny' = 'allow',
  {protocol, ports}: {readonly protocol: number; readonly ports: readonly number[]} = {protocol: UDP, ports: UDP_PORTS},
): readonly Flow[] {
  const sources = endpoints.filter(({site}) => site === 'a')
  const destinations = endpoints.filter(({site}) => site !== 'a')
  const {hosts} = compiled.state.numbering
  const judge = judgeOf(compiled, protocol)
  return Array.from({length: count}, () => {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const [from, to, port] = [random.pick(sources), random.pick(destinations), random.pick(ports)]
      const allowed = judge(hosts.get(from.address) ?? 0, hosts.get(to.address) ?? 0, port)
      if (allowed === (wanted === 'allow')) return {from, to, port}
    }
    throw new Error(`no pair of endpoints found that the workload does ${wanted}`)
  })
}

/** Whether a packet between two classes passes, by the compiler's typed result. */
function judgeOf({verdicts}: Compiled, protocol: number): (from: number, to: number, port: number) => boolean {
  const chains = new Map(verdicts.chains.map((chain) => [chain.name, chain]))
  return (from, to, port) => {
    let target = verdicts.pairs.get(from)?.get(to)
    if (target === undefined) {
      const own = verdicts.sources.get(from)
      const far = verdicts.destinations.get(to)
      if (own !== 'passed') return false
      target = far === 'unowned' ? 'allowed' : far
    }
    for (let chain = chains.get(target!); chain; chain = chains.get(target!)) {
      const hit = chain.rules.find(
        ({match, target}) =>
          target !== undefined &&
          (match.protocol ?? protocol) === protocol &&
          !match.notProtocols.includes(protocol) &&
          match.sourcePorts === null &&
          (match.destinationPorts === null ||
            (match.destinationPorts.first <= port && port <= match.destinationPorts.last)),
      )
      target = hit?.target ?? chain.otherwise
    }
    return target === 'allowed'
  }
}

/** Space of one frame in the file of frames; the frame itself is the shortest that Ethernet has. */
export const FRAME_STRIDE = 64
export const FRAME_LENGTH = 60

/** The flows' packets as Ethernet frames, one a flow, `FRAME_STRIDE` bytes apart; 18 bytes of data, no UDP checksum. */
export function framesOf(flows: readonly Flow[], destinationMac: string): Buffer {
  const bytes = Buffer.alloc(flows.length * FRAME_STRIDE)
  const ethernet = Buffer.from(`${destinationMac.replaceAll(':', '')}0200000000010800`, 'hex')
  for (const [index, {from, to, port}] of flows.entries()) {
    const frame = bytes.subarray(index * FRAME_STRIDE, index * FRAME_STRIDE + FRAME_LENGTH)
    ethernet.copy(frame)
    const header = frame.subarray(14, 34)
    header[0] = 0x45
    header.writeUInt16BE(FRAME_LENGTH - 14, 2)
    header[8] = 64
    header[9] = UDP
    header.writeUInt32BE(Number(addressNumber(from.address)), 12)
    header.writeUInt32BE(Number(addressNumber(to.address)), 16)
    header.writeUInt16BE(checksum(header), 10)
    frame.writeUInt16BE(10_000 + (index % 50_000), 34)
    frame.writeUInt16BE(port, 36)
    frame.writeUInt16BE(FRAME_LENGTH - 34, 38)
  }
  return bytes
}

function checksum(header: Buffer): number {
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
