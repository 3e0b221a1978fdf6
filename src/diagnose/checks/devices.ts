import {ALIAS_PREFIX, DEVICE_PREFIX, type Encapsulation, NODE_DEVICE, overheadOf} from '../../model/index.ts'
import {parseAddress, prefixContainsAddress} from '../../net/index.ts'
import {type Check, eachOf, type Found, given, givenBoth} from '../check.ts'
import type {Facts, LinkFacts} from '../facts.ts'

/** By the kernel's name. ip6tnl and sit are IPIP of other families. */
const ENCAPSULATIONS: Readonly<Record<string, Encapsulation>> = {
  ...{ipip: 'ipip', sit: 'ipip', ip6tnl: 'ipip'},
  ...{vxlan: 'vxlan', wireguard: 'wireguard'},
}

/** What a tunnel's device adds to each packet. */
const addsOf = ({kind, inUdp}: LinkFacts, remote: string): number =>
  overheadOf(inUdp ? 'fou' : (ENCAPSULATIONS[kind ?? ''] ?? 'none'), remote.includes(':') ? 6 : 4)

/** By which device the outer packets of an uplink go: the configured one, else the one that carries its address. */
export function uplinkDevices(
  {config}: Pick<Facts, 'config'>,
  addresses: readonly {readonly device: string; readonly address: string}[],
): Map<string, string> {
  return new Map(
    config.uplinks.flatMap(({name, device, address}): [string, string][] => {
      const found = device ?? addresses.find((one) => one.address === address)?.device ?? null
      return found === null || found === 'lo' ? [] : [[name, found]]
    }),
  )
}

export const DEVICE_CHECKS: readonly Check[] = [
  {
    code: 'uplink-down',
    theme: 'devices',
    looksAt: 'whether the devices of uplinks are up and have a carrier',
    judge: (facts) =>
      givenBoth(facts.links, facts.addresses, (links, addresses) =>
        eachOf([...uplinkDevices(facts, addresses)], 'no uplink with a device', ([uplink, device]) => {
          const link = links.find(({name}) => name === device)
          const state = link ? `${link.up ? 'up' : 'set down'}, ${link.operstate}` : 'not there'
          const isUp = link?.up === true && link.operstate !== 'DOWN' && link.operstate !== 'LOWERLAYERDOWN'
          const found: Found = {
            severity: 'error',
            where: {source: 'kernel', key: device},
            detail: `${device}, the way out of uplink ${uplink}, is ${state}`,
            remedy: link
              ? `\`ip link set ${device} up\`; cable, bond or the virtual switch`
              : 'correct `device` of the uplink',
          }
          return {evidence: `uplink ${uplink}: ${device}, ${state}`, found: isUp ? null : found}
        }),
      ),
  },
  {
    code: 'tunnel-device-missing',
    theme: 'devices',
    looksAt: 'whether every tunnel has its device',
    judge: ({links, gateway}) =>
      givenBoth(links, gateway, (all, {tunnels}) =>
        eachOf(tunnels, 'no tunnels', ({name, device}) => {
          const there = all.some((link) => link.name === device && isOurs(link))
          return {
            evidence: `${name}: ${device}`,
            found: there ? null : missing(device, `tunnel ${name} has no device ${device} of ours`),
          }
        }),
      ),
  },
  {
    code: 'tunnel-device-down',
    theme: 'devices',
    looksAt: 'whether devices of tunnels are up',
    judge: ({links}) =>
      given(links, (all) =>
        eachOf(all.filter(isOurs), 'no device of ours', ({name, up}) => ({
          evidence: `${name}: ${up ? 'up' : 'down'}`,
          found: up ? null : missing(name, `${name} is set down`),
        })),
      ),
  },
  {
    code: 'tunnel-mtu-too-large',
    theme: 'devices',
    looksAt: 'whether packets of tunnels fit through the uplink',
    judge: (facts) =>
      givenBoth(facts.links, facts.underlay, (links, ways) =>
        eachOf(
          // WireGuard's far end is no part of its device, but of its way.
          links.flatMap((link) => {
            const to = ways.find(({device}) => device === link.name)
            const remote = link.outerRemote ?? to?.remote
            return isOurs(link) && remote !== undefined ? [{link, remote, way: to?.way}] : []
          }),
          'no device of ours with an outer address',
          ({link, remote, way}) => {
            const {name, mtu} = link
            const under = way?.ok ? links.find((one) => one.name === way.value) : undefined
            const adds = addsOf(link, remote)
            if (!under) return {evidence: `${name}: its way out is not known`}
            const evidence = `${name}: ${mtu} and ${adds} of overhead, ${under.mtu} on ${under.name}`
            const found: Found = {
              severity: 'error',
              where: {source: 'kernel', key: name},
              detail: `${name} takes packets of ${mtu} bytes, with ${adds} more outside; ${under.name} carries ${under.mtu}`,
              remedy: `set the MTU of ${under.name} back, or have the daemon run: it makes the tunnel smaller`,
            }
            return {evidence, found: mtu + adds > under.mtu ? found : null}
          },
        ),
      ),
  },
  {
    code: 'device-leftover',
    theme: 'devices',
    looksAt: 'devices with a name like ours that are no tunnel of this gateway',
    judge: ({links, gateway}) =>
      givenBoth(links, gateway, (all, {tunnels}) => {
        const known = new Set([...tunnels.map(({device}) => device), NODE_DEVICE])
        const pairs = new Set(all.filter(({name}) => known.has(name)).map(pairOf))
        for (const link of all) if (isOpen(link) && isOurs(link) && pairs.has(pairOf(link))) known.add(link.name)
        return eachOf(
          all.filter(({name}) => name.startsWith(DEVICE_PREFIX)),
          'no such device',
          ({name, alias, kind}) => ({
            evidence: `${name}: ${known.has(name) ? 'a tunnel' : 'nobody’s'}`,
            found: known.has(name)
              ? null
              : {
                  severity: 'warning',
                  where: {source: 'kernel', key: name},
                  detail: `${name} (${kind ?? 'unknown'}${alias ? `, ${alias}` : ''}) is no tunnel of this gateway, and stands in the way of one of that name`,
                  remedy: `\`ip link delete ${name}\``,
                },
          }),
        )
      }),
  },
  {
    code: 'inner-address-taken',
    theme: 'devices',
    looksAt: 'whether inner addresses lie on devices of ours only',
    judge: ({addresses, config}) =>
      given(addresses, (all) => {
        const wrong = all.filter(({device, address}) => !device.startsWith(DEVICE_PREFIX) && isInner(address, config))
        const seen = all.filter(({address}) => isInner(address, config))
        return {
          evidence: seen.map(({device, address}) => `${address} on ${device}`),
          found: wrong.map(({device, address}) => ({
            severity: 'error',
            where: {source: 'kernel', key: address},
            detail: `${address}, of the range of inner addresses, is on ${device}: what is for its owner stays here`,
            remedy: `\`ip address delete ${address} dev ${device}\`, or another \`interconnect\``,
          })),
        }
      }),
  },
]

const isInner = (text: string, {interconnect}: Facts['config']): boolean => {
  const address = parseAddress(text)
  return address !== null && interconnect.some((prefix) => prefixContainsAddress(prefix, address))
}

const isOurs = ({name, alias}: LinkFacts): boolean => name.startsWith(DEVICE_PREFIX) && alias.startsWith(ALIAS_PREFIX)

/** Which uplinks of which gateways, whatever the slot. */
const pairOf = ({alias}: LinkFacts): string => alias.replace(/ slot .*$/, '')

/** Of a device beside a tunnel, on which the other form of IPIP is tried: its own outer address is left open. */
const isOpen = ({outerLocal}: LinkFacts): boolean => outerLocal === 'any' || outerLocal === '0.0.0.0'

const missing = (device: string, detail: string): Found => ({
  ...{severity: 'error', where: {source: 'kernel', key: device}, detail},
  remedy: 'the daemon mends it within a second when it runs: its log says what hinders it',
})
