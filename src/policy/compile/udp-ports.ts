import {MOST_PORT_RANGES, PORT_PROTOCOL_NUMBERS, type UdpPorts} from '../../model/index.ts'
import {commonRanges, joinRanges, type PortRange, withoutRanges} from '../../net/index.ts'
import {ALLOWED} from './pair-table.ts'
import type {Verdicts} from './pairs.ts'
import type {TargetNumbers} from './target-numbers.ts'
import type {Target, VerdictChain} from './verdict-chains.ts'

const ALL: readonly PortRange[] = [{first: 0, last: 65535}]
const UDP = PORT_PROTOCOL_NUMBERS.udp

/**
 * What each target allows of UDP, for who may only allow (apply/fast-path); `previous` where it is the same. Ports that a
 * rule is about that asks for the source port, or logs, are left out, and so is what is behind the last range that it compares with.
 */
export function udpPortsOf(
  {chains}: Pick<Verdicts, 'chains'>,
  {numbers}: Pick<TargetNumbers, 'numbers'>,
  previous: UdpPorts | null = null,
): UdpPorts {
  const byName = new Map(chains.map((chain) => [chain.name, chain]))
  const ports = new Map<number, readonly PortRange[]>()
  for (const {name} of chains) {
    const number = numbers.get(name)
    const allowed = allowedBy(name, byName)
    if (number !== undefined && allowed.length > 0) ports.set(number, allowed)
  }
  const isSame = previous?.size === ports.size && [...ports].every(([number, own]) => previous.get(number) === own)
  return isSame ? previous : ports
}

/** Chains are named by their content, so what was found out of one holds for as long as it is there. */
const known = new WeakMap<VerdictChain, readonly PortRange[]>()

function allowedBy(target: Target, chains: ReadonlyMap<Target, VerdictChain>): readonly PortRange[] {
  if (target === ALLOWED) return ALL
  const chain = chains.get(target)
  if (!chain) return []
  let allowed = known.get(chain)
  if (allowed === undefined) {
    allowed = worked(chain, chains)
    known.set(chain, allowed)
  }
  return allowed
}

function worked({rules, otherwise}: VerdictChain, chains: ReadonlyMap<Target, VerdictChain>): readonly PortRange[] {
  let open = ALL
  const allowed: PortRange[] = []
  for (const {match, target} of rules) {
    const {protocol, notProtocols, sourcePorts, destinationPorts} = match
    if ((protocol ?? UDP) !== UDP || notProtocols.includes(UDP)) continue
    const met = destinationPorts ? [destinationPorts] : ALL
    const isPlain = target !== undefined && sourcePorts === null
    if (isPlain) allowed.push(...commonRanges(commonRanges(open, met), allowedBy(target, chains)))
    open = withoutRanges(open, met)
  }
  return joinRanges([...allowed, ...commonRanges(open, allowedBy(otherwise, chains))]).slice(0, MOST_PORT_RANGES)
}
