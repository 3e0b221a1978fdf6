import {WG_GENL_NAME, WG_GENL_VERSION} from 'netlink'
import type {ActualWireguard, Driver, Outcome, WireguardStep} from '../../model/index.ts'
import {outcomeOf, StepFailure} from '../failure.ts'
import {DUMP, openGenericFamily} from '../netlink/generic.ts'
import {allLinks, parseLink, RTM} from '../netlink/messages.ts'
import {RouteSocket} from '../netlink/socket.ts'
import {actualDevice, deviceChange, deviceNamed, publicKeyOf, readPrivateKey} from './device.ts'

/** linux/wireguard.h counts from 0; the library's own constants are one too high (netlink 0.3.0). */
const GET_DEVICE = 0
const SET_DEVICE = 1

export interface WireguardDriver extends Driver<readonly ActualWireguard[], WireguardStep> {
  close(): void
}

/**
 * Keys and the one peer of our WireGuard devices, by generic netlink, changed in place: the device stays, and so does
 * the session of a peer that stays. Devices are made by the netlink driver.
 */
export function createWireguardDriver(): WireguardDriver {
  const links = new RouteSocket()
  const family = openGenericFamily(WG_GENL_NAME, WG_GENL_VERSION)
  let last: Promise<unknown> = Promise.resolve()

  function queued<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }

  const get = async (device: string): Promise<ActualWireguard> =>
    actualDevice(device, await family.request(GET_DEVICE, deviceNamed(device), DUMP))

  async function ourDevices(): Promise<string[]> {
    const found = (await links.dump(RTM.getLink, allLinks())).map(parseLink)
    return found.filter(({ours, actual}) => ours && actual.spec?.kind === 'wireguard').map(({name}) => name)
  }

  async function applyOne({spec}: WireguardStep): Promise<void> {
    if (!(await ourDevices()).includes(spec.device))
      throw new StepFailure('missing', `no device ${spec.device} of ours`)
    const privateKey = await readPrivateKey(spec.keyFile)
    if (publicKeyOf(privateKey) !== spec.publicKey) {
      // What was announced would not fit: the far end could never speak with it.
      throw new StepFailure('refused', `${spec.keyFile} does not hold the key of ${spec.publicKey}`)
    }
    const held = await get(spec.device)
    const change = deviceChange(spec, held, held.publicKey === spec.publicKey ? null : privateKey)
    await family.request(SET_DEVICE, change)
  }

  return {
    name: 'wireguard',
    atomic: false,

    read: (signal) =>
      queued(async () => {
        const devices: ActualWireguard[] = []
        for (const device of await ourDevices()) {
          signal.throwIfAborted()
          devices.push(await get(device))
        }
        return devices
      }),

    apply: (steps, signal) =>
      queued(async () => {
        const outcomes: Outcome[] = []
        for (const step of steps) {
          signal.throwIfAborted()
          outcomes.push(await outcomeOf(step.key, () => applyOne(step)))
        }
        return outcomes
      }),

    close() {
      links.close()
      family.close()
    },
  }
}
