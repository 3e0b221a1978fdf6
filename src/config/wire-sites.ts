import type {GatewayName, SiteName} from '../model/index.ts'
import {type Address, addressFromNumber, addressNumber, familyOf, prefixAddress, prefixFamily} from '../net/index.ts'
import {ADDRESSES_A_GATEWAY, ADDRESSES_A_SITE, type Interconnect, type InterconnectSite} from './interconnect-schema.ts'

type Gateway = InterconnectSite['gateways'][GatewayName]

/** Keys of gateway.yaml that are derived here, so that nobody can say them otherwise; firewalls rely on the ports of `fou`. */
export const DERIVED_KEYS: ReadonlySet<string> = new Set([
  ...['version', 'site', 'gateway', 'twin', 'as', 'interconnect', 'default', 'owns', 'infrastructure', 'authorities'],
  ...['metrics', 'uplinks', 'datastores', 'sites', 'fou'],
])

/** Where others send to. */
export const outerAddress = (gateway: Gateway): Address => gateway.public ?? gateway.address

/** How two sites are joined. */
export function linkOf(
  {pairs, encapsulation}: Interconnect,
  site: string,
  other: string,
): {readonly encapsulation: Interconnect['encapsulation']; readonly bfd: 'private' | 'internet'} {
  const pair = pairs.find(({between}) => [site, other].every((end) => between.some((one) => one === end)))
  return {encapsulation: pair?.encapsulation ?? encapsulation, bfd: pair?.bfd ?? 'internet'}
}

/** A pair a family, by the numbers of site and gateway: nobody's change when another site comes or goes. */
export function innerAddresses(
  {inner}: Pick<Interconnect, 'inner'>,
  site: Pick<InterconnectSite, 'number'>,
  gateway: Pick<Gateway, 'number'>,
): Address[] {
  const offset = site.number * ADDRESSES_A_SITE + gateway.number * ADDRESSES_A_GATEWAY
  return inner.flatMap((pool) =>
    Array.from({length: ADDRESSES_A_GATEWAY}, (_, slot) =>
      addressFromNumber(addressNumber(prefixAddress(pool)) + BigInt(offset + slot), prefixFamily(pool)),
    ),
  )
}

/** gateway.yaml of one gateway, as a value; null: there is no such gateway. Terraform's module interconnect says the same. */
export function gatewayFile(
  interconnect: Interconnect,
  siteName: string,
  gatewayName: string,
): Record<string, unknown> | null {
  const site = interconnect.sites[siteName as SiteName]
  const gateway = site?.gateways[gatewayName as GatewayName]
  if (!site || !gateway) return null
  const twin = Object.keys(site.gateways).find((name) => name !== gatewayName)
  const {datastore, infrastructure} = site
  return {
    ...site.extra,
    ...gateway.extra,
    version: 1,
    site: siteName,
    gateway: gatewayName,
    ...(twin === undefined ? {} : {twin}),
    as: site.as,
    interconnect: interconnect.inner,
    default: interconnect.default,
    uplinks: [
      {
        name: 'wan',
        address: gateway.address,
        ...(gateway.public === undefined ? {} : {public: gateway.public}),
        ...(gateway.device === undefined ? {} : {device: gateway.device}),
        inner: innerAddresses(interconnect, site, gateway),
      },
    ],
    owns: site.owns,
    ...(infrastructure.length === 0 ? {} : {infrastructure}),
    datastores: [{name: 'main', ...datastore, tls: tlsIn('tls', 'gateway'), export: {}}],
    sites: Object.fromEntries(
      Object.entries(interconnect.sites)
        .filter(([name]) => name !== siteName)
        .map(([name, other]) => [
          name,
          {
            owns: other.owns,
            endpoints: etcdAt(other),
            ...linkOf(interconnect, siteName, name),
            tls: tlsIn(`sites/${name}`, 'client'),
          },
        ]),
    ),
    authorities: interconnect.authorities,
    metrics: {listen: `${urlHost(gateway.private ?? gateway.address)}:9633`},
  }
}

/** Variables of a Terraform root module that has `interconnect`, `sites` and `pairs`, with every default written out. */
export function terraformVariables(interconnect: Interconnect): Record<string, unknown> {
  const {sites, pairs, inner, default: unmatched, authorities, encapsulation} = interconnect
  return {
    interconnect: {inner, default: unmatched, authorities, encapsulation},
    sites: Object.fromEntries(
      Object.entries(sites).map(([name, {etcdAt, extra, gateways, ...site}]) => [
        name,
        {
          ...site,
          etcd_at: etcdAt ?? [],
          extra: JSON.stringify(extra),
          gateways: Object.fromEntries(
            Object.entries(gateways).map(([gateway, entry]) => [
              gateway,
              {
                number: entry.number,
                address: entry.address,
                public: entry.public ?? null,
                private: entry.private ?? null,
                device: entry.device ?? null,
                extra: JSON.stringify(entry.extra),
              },
            ]),
          ),
        },
      ]),
    ),
    pairs: pairs.map(({between, bfd, ...pair}) => ({between, encapsulation: pair.encapsulation ?? null, bfd})),
  }
}

const etcdAt = ({etcdAt: given, gateways}: InterconnectSite): string[] =>
  given ?? Object.values(gateways).map((gateway) => `https://${urlHost(outerAddress(gateway))}:2379`)

const urlHost = (address: Address): string => (familyOf(address) === 6 ? `[${address}]` : address)

/** As `isthmus site init` and `site join` name them. */
const tlsIn = (folder: string, name: string) => ({
  ca: `/etc/isthmus/${folder}/ca.pem`,
  cert: `/etc/isthmus/${folder}/${name}.pem`,
  key: `/etc/isthmus/${folder}/${name}.key`,
})
