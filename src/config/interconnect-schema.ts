import * as z from 'zod'
import {NAME_RULE, parseGatewayName, parseSiteName} from '../model/index.ts'
import {address, as, parsed, prefix} from './scalars.ts'
import {device, endpoints} from './schema.ts'

const siteName = parsed(parseSiteName, `a site name (${NAME_RULE})`)
const gatewayName = parsed(parseGatewayName, `a gateway name (${NAME_RULE})`)

/** What carries packets between gateways decides which encapsulations arrive (docs/operate/clouds.md). */
export const FABRICS = ['aws', 'gcp', 'azure', 'exoscale', 'onprem'] as const
const encapsulation = z.enum(['ipip', 'fou', 'wireguard'])

/** Inner addresses follow from these numbers: sixteen a site, two a gateway. */
export const ADDRESSES_A_SITE = 16
export const ADDRESSES_A_GATEWAY = 2
const MOST_SITES = 4096

/** Further keys of gateway.yaml, which the daemon's own schema judges when they stand in it. */
const extra = z.record(z.string(), z.unknown()).default({})

const gateway = z.strictObject({
  number: z
    .int()
    .min(0)
    .max(ADDRESSES_A_SITE / ADDRESSES_A_GATEWAY - 1),
  address,
  public: address.optional(),
  private: address.optional(),
  device: device.optional(),
  extra,
})

const site = z.strictObject({
  number: z
    .int()
    .min(0)
    .max(MOST_SITES - 1),
  fabric: z.enum(FABRICS),
  as,
  owns: z.array(prefix).min(1),
  infrastructure: z.array(prefix).default([]),
  etcdAt: endpoints.optional(),
  datastore: z.strictObject({kind: z.enum(['calico', 'isthmus']).default('calico'), endpoints}),
  gateways: z.record(gatewayName, gateway),
  extra,
})

/** The shape of interconnect.yaml; what its parts mean together is checked in `interconnect.ts`. */
export const interconnectSchema = z.strictObject({
  version: z.literal(1),
  inner: z.array(prefix).min(1).max(2),
  default: z.enum(['allow', 'deny']),
  authorities: z.array(siteName).min(1),
  encapsulation: encapsulation.default('wireguard'),
  sites: z.record(siteName, site),
  pairs: z
    .array(
      z.strictObject({
        between: z.tuple([siteName, siteName]),
        encapsulation: encapsulation.optional(),
        bfd: z.enum(['private', 'internet']).default('internet'),
      }),
    )
    .default([]),
})

export type Interconnect = z.output<typeof interconnectSchema>
export type InterconnectSite = Interconnect['sites'][keyof Interconnect['sites']]
