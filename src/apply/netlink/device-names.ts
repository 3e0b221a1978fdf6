/** Names of devices by index, as notifications tell them: addresses come with an index alone. */
export interface DeviceNames {
  /** What is said of a device; gives the names that it concerns, an earlier one of the device's among them. */
  note(index: number, name: string, isGone: boolean): string[]
  /** null: not heard of since the watch began, or since notifications were lost. */
  of(index: number): string | null
  /** Some were lost, and an index may have gone over to another device. */
  forget(): void
  /** As many as there are devices. */
  readonly size: number
}

export function createDeviceNames(): DeviceNames {
  const names = new Map<number, string>()
  return {
    note(index, name, isGone) {
      const before = names.get(index)
      if (isGone) names.delete(index)
      else names.set(index, name)
      return before === undefined || before === name ? [name] : [before, name]
    },
    of: (index) => names.get(index) ?? null,
    forget: () => names.clear(),
    get size() {
      return names.size
    },
  }
}
