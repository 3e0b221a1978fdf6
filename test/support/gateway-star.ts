import {createNamespace, type Namespace} from './namespace.ts'

/** Name of a neighbour → the gateway's address and its own, of a /30. */
export type Star = Readonly<Record<string, readonly [near: string, far: string]>>

/** A gateway `gw`, 192.0.2.8, with a link of its own to each neighbour, who knows the way to it. */
export function createStar(links: Star): Map<string, Namespace> {
  const gw = createNamespace('gw')
  const spaces = new Map([['gw', gw]])
  gw.run('ip addr add 192.0.2.8/32 dev lo')
  for (const [name, [near, far]] of Object.entries(links)) {
    const space = createNamespace(name)
    spaces.set(name, space)
    gw.run(`ip link add ${name} type veth peer name wan netns ${space.name}; ip link set ${name} up
      ip addr add ${near}/30 dev ${name}`)
    space.run(`ip link set wan up; ip addr add ${far}/30 dev wan; ip route add 192.0.2.8 via ${near}`)
  }
  return spaces
}
