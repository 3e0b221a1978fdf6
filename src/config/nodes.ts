import type {NodeSessions} from '../model/index.ts'
import {type Address, familyOf} from '../net/index.ts'
import {parseSelector} from '../selectors/index.ts'
import {conflict, type Problem} from './problem.ts'
import type {GatewayYaml} from './schema.ts'

export function* checkNodes({nodes, uplinks}: GatewayYaml): Generator<Problem> {
  const {nextHop, nextHop6, ipip, selector} = nodes ?? {}
  if (selector !== undefined && !parseSelector(selector).ok) {
    yield conflict(['nodes', 'selector'], 'not a selector', "such as has(route-reflector) or rack == 'r1'")
  }
  if (ipip && familyOf(ipip.address) !== 4) {
    yield conflict(['nodes', 'ipip', 'address'], `${ipip.address} is no IPv4 address`, "Calico's IPIP is IPv4 in IPv4")
  }
  for (const [index, address] of (ipip?.shared ?? []).entries()) {
    const at = ['nodes', 'ipip', 'shared', index]
    if (familyOf(address) !== 4) yield conflict(at, `${address} is no IPv4 address`, "Calico's IPIP is IPv4 in IPv4")
    if (ipip!.shared.indexOf(address) < index) yield conflict(at, `${address} is named twice`)
  }
  if (ipip && [nextHop, ...ipip.shared].includes(ipip.address)) {
    const detail = `${ipip.address} is one that moves (nextHop, shared)`
    yield conflict(['nodes', 'ipip', 'address'], detail, "name the gateway's own address, which stays")
  }
  if (ipip && nextHop6 !== undefined) {
    yield conflict(
      ['nodes', 'nextHop6'],
      'there are no sessions over IPv6',
      "Calico's IPIP is IPv4 in IPv4: leave it out",
    )
  }
  for (const [key, moving, family] of [
    ['nextHop', nextHop, 4],
    ['nextHop6', nextHop6, 6],
  ] as const) {
    if (moving === undefined) continue
    const path = ['nodes', key]
    if (familyOf(moving) !== family) {
      const other = family === 4 ? 'nextHop6' : 'nextHop'
      yield conflict(path, `${moving} is no IPv${family} address`, `name it as ${other}`)
    }
    if (uplinks.some(({address, inner}) => address === moving || inner.includes(moving))) {
      yield conflict(path, `${moving} is this gateway's own`, 'name an address of the LAN that keepalived moves')
    }
  }
}

export function toNodes(yaml: GatewayYaml['nodes']): NodeSessions | null {
  if (!yaml) return null
  const {selector, nextHop, nextHop6, clusterId, ipip, ...rest} = yaml
  const some = {
    ...(selector === undefined ? {} : {selector}),
    ...(nextHop6 === undefined ? {} : {nextHop6}),
    ...(ipip ? {ipip: {...ipip, shared: movingOf(nextHop, ipip.shared)}} : {}),
  }
  return {...rest, nextHop: nextHop ?? null, clusterId: clusterId ?? null, ...some}
}

const movingOf = (nextHop: Address | undefined, shared: readonly Address[]): Address[] =>
  [...new Set([...(nextHop === undefined ? [] : [nextHop]), ...shared])].sort()
