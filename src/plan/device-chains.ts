/** A chain of one device; what a device name may hold, a chain's name may not. */
export const deviceChain = (
  way: 'in' | 'out' | 'from' | 'to' | 'told' | 'clamp' | 'transit_from' | 'transit_to',
  device: string,
): string => `${way}_${device.replaceAll(/[^a-z0-9]/g, '_')}`

/** Between two devices of the near side. */
export const NEAR_NEAR = 'near_near'
