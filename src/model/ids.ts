/** Names that must not be mixed up. Each is made by its parse function, at the edge, and trusted behind it. */
export type SiteName = string & {readonly __brand: 'SiteName'}
export type GatewayName = string & {readonly __brand: 'GatewayName'}
export type DatastoreName = string & {readonly __brand: 'DatastoreName'}
export type UplinkName = string & {readonly __brand: 'UplinkName'}
export type PeerName = string & {readonly __brand: 'PeerName'}
/** Opaque to readers; equal content has an equal id within one writer (`attributeSetId`). */
export type AttributeSetId = string & {readonly __brand: 'AttributeSetId'}
/** One thing that is read as a whole: `datastore/NAME` of the own site or `export/SITE` of a remote. */
export type SourceId = `datastore/${string}` | `export/${string}`

/** One lower-case DNS label (RFC 1123), short enough to stand in keys, device aliases and metric labels. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/

const named =
  <T extends string>() =>
  (text: string): T | null =>
    NAME.test(text) ? (text as T) : null

export const parseSiteName = named<SiteName>()
export const parseGatewayName = named<GatewayName>()
export const parseDatastoreName = named<DatastoreName>()
export const parseUplinkName = named<UplinkName>()
export const parsePeerName = named<PeerName>()

/** What a name must look like, for messages. */
export const NAME_RULE = 'lower-case letters, digits and inner hyphens, at most 32 characters'
