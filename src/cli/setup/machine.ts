import {hostname} from 'node:os'
import {DEVICE_PREFIX} from '../../model/index.ts'
import {readAddresses, readRoutes} from '../diagnose/kernel.ts'
import type {Machine} from './questions.ts'

/** Loopback, containers' and virtual machines' own bridges, and what the kernel and Calico make by themselves. */
const NOT_OURS = /^(?:lo|docker|br-|virbr|veth|cni|cali|flannel|tunl|vxlan|nodelocaldns|kube)/

/** What can be had of this machine; what cannot is not proposed. */
export async function readMachine(): Promise<Machine> {
  const [addresses, routes] = await Promise.all([readAddresses(), readRoutes()])
  const isOther = (device: string): boolean => NOT_OURS.test(device) || device.startsWith(DEVICE_PREFIX)
  const usable = routes.ok ? routes.value.filter(({devices: [device = 'lo']}) => !isOther(device)) : []
  const route = usable.find(({prefix}) => prefix === 'default')
  return {
    hostname: hostname(),
    addresses: addresses.ok
      ? addresses.value.filter(({device, address}) => !isOther(device) && !/^fe[89ab]|^169\.254\./i.test(address))
      : [],
    networks: usable
      .filter(
        ({prefix, protocol}) => protocol === 'kernel' && prefix.includes('/') && !/^fe80:|^169\.254\./.test(prefix),
      )
      .map(({prefix, devices}) => ({device: devices[0]!, prefix})),
    defaultRoute: route ? {device: route.devices[0]!, via: route.via ?? null} : null,
  }
}
