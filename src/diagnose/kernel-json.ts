import {type ActualLink, type AddressSpec, ALIAS_PREFIX, DEVICE_PREFIX, type LinkSpec} from '../model/index.ts'
import {parseAddress, parseCidr} from '../net/index.ts'
import type {KernelRoute} from './compare-routes.ts'

type Json = Readonly<Record<string, unknown>>

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Answers of `ip -j` are lists of objects; anything else holds none. */
function objectsIn(text: string): Json[] {
  const value: unknown = text.trim() === '' ? [] : JSON.parse(text)
  return Array.isArray(value) ? (value as unknown[]).filter(isJson) : []
}

const inner = (json: Json, name: string): Json => {
  const value = json[name]
  return isJson(value) ? value : {}
}

/** Every device but `lo`, with its index. */
export const devicesIn = (linksJson: string): Map<string, number> =>
  new Map(
    objectsIn(linksJson).flatMap(({ifname, ifindex}): [string, number][] =>
      ifname === 'lo' ? [] : [[String(ifname), Number(ifindex)]],
    ),
  )

export const mtusIn = (linksJson: string): Map<string, number> =>
  new Map(objectsIn(linksJson).map(({ifname, mtu}) => [String(ifname), Number(mtu)]))

/** `ip -d -j link`: the devices that are ours by name and alias. */
export function linksIn(linksJson: string): ActualLink[] {
  return objectsIn(linksJson).flatMap((json) => {
    const {ifname, ifindex, flags, ifalias, mtu} = json
    const [name, alias] = [String(ifname), typeof ifalias === 'string' ? ifalias : '']
    if (!name.startsWith(DEVICE_PREFIX) || !alias.startsWith(ALIAS_PREFIX)) return []
    const spec = specOf(inner(json, 'linkinfo'), {name, alias, mtu: Number(mtu)})
    return [{name, index: Number(ifindex), up: Array.isArray(flags) && flags.includes('UP'), spec}]
  })
}

function specOf(info: Json, base: {name: string; alias: string; mtu: number}): LinkSpec | null {
  const {info_kind: kind} = info
  const data = inner(info, 'info_data')
  if (kind === 'wireguard') return {...base, kind}
  // Of vxlan over IPv6 the two have names of their own.
  const [local, remote] = [
    parseAddress(data.local === 'any' ? '0.0.0.0' : String(data.local ?? data.local6)),
    parseAddress(data.remote === 'any' ? '0.0.0.0' : String(data.remote ?? data.remote6)),
  ]
  if (local === null || remote === null) return null
  const ttl = Number(data.ttl)
  if (kind === 'ip6tnl') return data.ip6_tnl_f_ign_encap_limit === true ? {...base, kind, local, remote, ttl} : null
  if (kind === 'ipip' || kind === 'sit') {
    const {type, dport} = inner(data, 'encap')
    return {...base, kind, local, remote, ttl, ...(type === 'fou' ? {fou: Number(dport)} : {})}
  }
  return kind === 'vxlan' && data.df === 'set'
    ? {...base, kind, local, remote, ttl, vni: Number(data.id), port: Number(data.port)}
    : null
}

/** `ip -j address`: of our devices, those with a peer; and by which device every address is carried. */
export function addressesIn(addressJson: string): {ours: AddressSpec[]; carriers: Map<string, string>} {
  const ours: AddressSpec[] = []
  const carriers = new Map<string, string>()
  for (const {ifname, addr_info: infos} of objectsIn(addressJson)) {
    for (const info of Array.isArray(infos) ? (infos as unknown[]).filter(isJson) : []) {
      const [device, local, peer] = [
        String(ifname),
        parseAddress(String(info.local)),
        parseAddress(String(info.address)),
      ]
      if (local === null) continue
      if (device !== 'lo') carriers.set(local, device)
      if (peer !== null && device.startsWith(DEVICE_PREFIX)) ours.push({device, local, peer})
    }
  }
  return {ours, carriers}
}

/** `ip -j route`, of both families: `default` is left out, since nothing here may depend on it. */
export function routesIn(routesJson: string): KernelRoute[] {
  return objectsIn(routesJson).flatMap(({dst, dev, type, nexthops}) => {
    const prefix = parseCidr(String(dst))
    if (prefix === null) return []
    const hops = Array.isArray(nexthops) ? (nexthops as unknown[]).filter(isJson) : []
    const devices = [dev, ...hops.map((hop) => hop.dev)].filter((name) => typeof name === 'string')
    const refuses = type === 'unreachable' || type === 'blackhole' || type === 'prohibit'
    return [{prefix, devices: refuses ? [] : devices}]
  })
}
