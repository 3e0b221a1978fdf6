import {type NetworkInterfaceInfo, networkInterfaces} from 'node:os'
import type {Finding, GatewayConfig} from '../model/index.ts'
import {diskFindings} from './disk-findings.ts'

/** Of each device that is up: its addresses. */
export type Interfaces = Readonly<Record<string, readonly Pick<NetworkInterfaceInfo, 'address' | 'internal'>[]>>

/** Of its devices and its disks. */
export const findingsOfMachine = (config: GatewayConfig): Finding[] => [
  ...machineFindings(config),
  ...diskFindings(config),
]

/** What the configuration takes for granted of this machine, and is not so. Nothing is refused: it may come yet. */
export function machineFindings(
  {uplinks, peers}: Pick<GatewayConfig, 'uplinks' | 'peers'>,
  interfaces: Interfaces = networkInterfaces() as Interfaces,
): Finding[] {
  const carriers = new Map<string, {readonly device: string; readonly internal: boolean}>()
  for (const [device, addresses] of Object.entries(interfaces)) {
    for (const {address, internal} of addresses) carriers.set(address, {device, internal})
  }
  return [
    ...uplinks.flatMap(({name, address, device}): Finding[] => {
      const where = (field: string) => ({source: 'config', key: `uplinks ${name}`, field})
      const carrier = carriers.get(address)
      if (!carrier) {
        return [
          {
            code: 'uplink-address-missing',
            severity: 'error',
            where: where('address'),
            detail: `no device of this machine that is up has ${address}: nothing comes or goes by uplink ${name}`,
            remedy: 'give it to a device, set that up, or correct `address`',
          },
        ]
      }
      if (device !== null || !carrier.internal) return []
      return [
        {
          code: 'uplink-device-unknown',
          severity: 'warning',
          where: where('device'),
          detail: `${address} is on ${carrier.device}, which does not tell the way out: sites without a tunnel are shut off`,
          remedy: 'name the device towards the WAN: `device`',
        },
      ]
    }),
    ...peers.flatMap(({name, address}): Finding[] => {
      const carrier = carriers.get(address)
      if (!carrier) return []
      return [
        {
          code: 'peer-is-ourselves',
          severity: 'error',
          where: {source: 'config', key: `peers ${name}`, field: 'address'},
          detail: `${address} is this machine's own, on ${carrier.device}: no session comes of it`,
          remedy: "the router's own address on the WAN",
        },
      ]
    }),
  ]
}
