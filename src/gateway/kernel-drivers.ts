import {
  createFastPath,
  createFouDriver,
  createNetlinkDriver,
  createNftDriver,
  createWireguardDriver,
  type FastPath,
  type FouDriver,
  generationHalf,
  type NetlinkDriver,
  type NftDriver,
  type WireguardDriver,
} from '../apply/index.ts'
import type {GatewayConfig} from '../model/index.ts'
import {createTunnelReader, type TunnelReader} from '../observe/index.ts'
import {createFouLedger} from './fou-ledger.ts'

/** Drivers that outlive a change of configuration, since what they hold is the kernel's state. */
export interface KernelDrivers {
  readonly fastPath: FastPath
  readonly fou: FouDriver
  readonly netlink: NetlinkDriver
  readonly nft: NftDriver
  readonly wireguard: WireguardDriver
  readonly tunnels: TunnelReader
}

export function openKernelDrivers(inForce: () => GatewayConfig): KernelDrivers {
  const fastPath = createFastPath()
  return {
    fastPath,
    fou: createFouDriver(createFouLedger(() => inForce().paths.state)),
    netlink: createNetlinkDriver(),
    nft: createNftDriver({half: () => generationHalf(inForce()), fastPath}),
    wireguard: createWireguardDriver(),
    tunnels: createTunnelReader(),
  }
}

/** For status and metrics. */
export const fastPathNow = ({fastPath}: Pick<KernelDrivers, 'fastPath'>) => ({
  devices: fastPath.size(),
  packets: fastPath.packets(),
  judgedPackets: fastPath.judgedPackets(),
  judges: fastPath.judges(),
  missing: fastPath.missing,
})

export async function closeKernelDrivers({
  fastPath,
  fou,
  netlink,
  nft,
  wireguard,
  tunnels,
}: KernelDrivers): Promise<void> {
  for (const driver of [fou, netlink, wireguard, tunnels]) driver.close()
  await nft.close()
  fastPath.close()
}
