/** Lease-bound keys beside the export (formats.md): who leads, and which gateways of the site live. */
export const LEADER_KEY = '/isthmus/v1/leader'
export const ALIVE_PREFIX = '/isthmus/v1/alive/'
