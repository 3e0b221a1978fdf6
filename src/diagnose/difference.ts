/** What the kernel or an export has in place of what all etcds together say. */
export interface Difference {
  /** An address, a prefix, a device, a chain, a key. */
  readonly where: string
  readonly kernel: string
  readonly wanted: string
}

export const differenceKey = ({where, kernel, wanted}: Difference): string => JSON.stringify([where, kernel, wanted])
