import type {Carrier, Encapsulation, TunnelOffer, Uplink} from '../model/index.ts'
import {type Family, familyOf} from '../net/index.ts'
import {autoWanted, mustEncrypt, outerOf} from './auto.ts'
import type {TunnelIdentity} from './identity.ts'
import type {TunnelInput} from './plan.ts'
import type {Pair} from './tunnel-parts.ts'

/** Two uplinks between which there is to be a tunnel, or a way without one. */
export interface UplinkPairing extends Pick<Pair, 'site' | 'gateway' | 'remote' | 'local'> {
  readonly identity: Pick<TunnelIdentity, 'local' | 'remote'>
  readonly carriers: readonly Carrier[]
}

type Ends = Omit<UplinkPairing, 'carriers'>

/** In order of names, whatever the order of the configuration. */
export function* uplinkPairs({
  config,
  sites,
  carriers,
}: Pick<TunnelInput, 'config' | 'sites' | 'carriers'>): Generator<UplinkPairing> {
  for (const site of byName([...config.sites.values()])) {
    const view = sites.get(site.name)
    if (site.via.length > 0 || !view) continue
    for (const gateway of byName(view.gateways)) {
      for (const remote of byName(gateway.uplinks)) {
        for (const local of byName(config.uplinks)) {
          if (isBesides(local, remote, config.uplinks, gateway.uplinks)) continue
          const identity = {
            local: `${config.site}/${config.gateway}/${local.name}`,
            remote: `${site.name}/${gateway.name}/${remote.name}`,
          } as const
          const ends = {identity, site, gateway, remote, local}
          const usual: Carrier = {slot: 0, serial: 0, encapsulation: wantedOf(ends), phase: 'open'}
          const held = carriers?.get(`${identity.local} ${identity.remote}`) ?? []
          // What was written down before is no leave to send in clear, should writing fail.
          const kept = isStrict(ends) ? held.filter(({encapsulation}) => encapsulation === 'wireguard') : held
          yield {...ends, carriers: kept.length > 0 ? kept : [usual]}
        }
      }
    }
  }
}

/** What the other end offers to this one. */
export const offersOf = ({gateway, remote, identity}: Ends): readonly TunnelOffer[] =>
  (gateway.tunnels.get(identity.local) ?? []).filter(({uplink}) => uplink === remote.name)

/** What this end would have, as far as both ends have said what they have seen. */
export function wantedOf(ends: Ends, word = false, standing: Encapsulation | null = null): Encapsulation {
  const {encapsulation} = ends.site
  return encapsulation === 'auto' ? autoWanted({...askedOf(ends), word, standing}) : encapsulation
}

/** Whether nothing that does not encrypt may be between the two. */
export const isStrict = (pairing: Ends): boolean =>
  pairing.site.encapsulation === 'auto'
    ? mustEncrypt(askedOf(pairing))
    : pairing.site.encapsulation === 'wireguard' && !pairing.site.plainUntilEncrypted

const askedOf = (pairing: Ends) => ({
  outer: [outerOf(pairing.local), outerOf(pairing.remote)] as const,
  encrypted: pairing.site.encrypted,
  offers: offersOf(pairing),
})

const outerFamily = (uplink: Uplink): Family => familyOf(outerOf(uplink))

/** Of two families, which is no fault where an uplink of the other's family stands beside one of them. */
function isBesides(local: Uplink, remote: Uplink, locals: readonly Uplink[], remotes: readonly Uplink[]): boolean {
  const [here, there] = [familyOf(local.address), outerFamily(remote)]
  if (here === there) return false
  return remotes.some((one) => outerFamily(one) === here) || locals.some(({address}) => familyOf(address) === there)
}

const byName = <T extends {readonly name: string}>(items: readonly T[]): T[] =>
  items.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
