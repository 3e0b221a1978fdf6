import {readFileSync} from 'node:fs'
import {networkInterfaces} from 'node:os'
import {type LocalUplink, type QueueSpec, uplinkDevices} from '../model/index.ts'

/** Which device of those that are up has each address. */
function carriersNow(): ReadonlyMap<string, string> {
  const carriers = new Map<string, string>()
  for (const [device, addresses] of Object.entries(networkInterfaces())) {
    for (const {address, internal} of addresses ?? []) if (!internal) carriers.set(address, device)
  }
  return carriers
}

/** As of each call. One whose address is nowhere, since it is down, is where it was: never a near one, for as long as it takes to come back. */
export function createUplinkDevices(uplinks: readonly LocalUplink[], carriers = carriersNow): () => string[] {
  const known = new Map<string, string>()
  return () => {
    const now = carriers()
    for (const {address} of uplinks) {
      const device = now.get(address)
      if (device !== undefined) known.set(address, device)
    }
    return uplinkDevices(uplinks, known)
  }
}

/** Of uplinks that have a rate; of two on one device the smaller counts, since both send through one queue. */
export function uplinkQueues(uplinks: readonly LocalUplink[]): QueueSpec[] {
  const rates = new Map<string, number>()
  const carriers = carriersNow()
  for (const uplink of uplinks) {
    const {rateMbit} = uplink
    if (rateMbit === undefined) continue
    for (const device of uplinkDevices([uplink], carriers))
      rates.set(device, Math.min(rates.get(device) ?? rateMbit, rateMbit))
  }
  return [...rates].sort().map(([device, rateMbit]) => ({device, rateMbit}))
}

/** By uplink, what its device carries; one whose device is not known, or tells nothing, has none. */
export function uplinkMtus(
  uplinks: readonly LocalUplink[],
  mtuOf: (device: string) => number | null = deviceMtu,
): ReadonlyMap<string, number> {
  const carriers = carriersNow()
  return new Map(
    uplinks.flatMap((uplink) => {
      const [device] = uplinkDevices([uplink], carriers)
      const mtu = device === undefined ? null : mtuOf(device)
      return mtu === null ? [] : [[uplink.name, mtu] as const]
    }),
  )
}

/** As of each call, and of one that is down as it was; the same object as long as it says the same. */
export function createUplinkMtus(
  uplinks: readonly LocalUplink[],
  mtusNow = () => uplinkMtus(uplinks),
): () => ReadonlyMap<string, number> {
  let last: ReadonlyMap<string, number> = new Map()
  return () => {
    const now = new Map([...last, ...mtusNow()])
    if (JSON.stringify([...now]) !== JSON.stringify([...last])) last = now
    return last
  }
}

function deviceMtu(device: string): number | null {
  try {
    const mtu = Number(readFileSync(`/sys/class/net/${device}/mtu`, 'utf8'))
    return Number.isInteger(mtu) && mtu > 0 ? mtu : null
  } catch {
    // It is gone in this moment.
    return null
  }
}
