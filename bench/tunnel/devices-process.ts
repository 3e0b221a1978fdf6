// Makes the tunnel devices of one gateway in the namespace that it runs in, by the gateway's own drivers: reads `Devices`
// (JSON, stdin). Ends with status 1 and the kernel's words where the kernel has no such device.
import {readFileSync} from 'node:fs'
import {createFouDriver, createNetlinkDriver, createWireguardDriver} from '../../src/apply/index.ts'
import {type Outcome, stepKey} from '../../src/model/index.ts'
import type {PlannedTunnels} from '../../src/tunnels/index.ts'

export type Devices = Pick<PlannedTunnels, 'links' | 'addresses' | 'wireguard' | 'fouPorts'>

const {links, addresses, wireguard, fouPorts} = JSON.parse(readFileSync(0, 'utf8')) as Devices
const {signal} = new AbortController()
const base = {needs: [], reason: 'bench'}
const netlink = createNetlinkDriver()
const fou = createFouDriver({read: async () => [], write: async () => undefined})
const keys = createWireguardDriver()

function must(outcomes: readonly Outcome[]): void {
  const failed = outcomes.find((outcome) => !outcome.ok)
  if (failed) throw new Error(JSON.stringify(failed))
}

if (fouPorts.length > 0) {
  must(
    await fou.apply(
      fouPorts.map((port) => ({...base, driver: 'fou', do: 'port-add', key: stepKey(`fou ${port.port}`), port})),
      signal,
    ),
  )
}
must(
  await netlink.apply(
    [
      ...links.map((link) => {
        return {...base, driver: 'netlink', do: 'link-create', key: stepKey(`link ${link.name}`), link} as const
      }),
      ...addresses.map((address) => {
        const key = stepKey(`address ${address.local}`)
        return {...base, driver: 'netlink', do: 'address-add', key, address} as const
      }),
    ],
    signal,
  ),
)
must(
  await keys.apply(
    wireguard.map((spec) => ({...base, driver: 'wireguard', key: stepKey(`wireguard ${spec.device}`), spec})),
    signal,
  ),
)
for (const driver of [netlink, fou, keys]) driver.close()
