/** Of one moment, or of the mean of many; NaN where nothing was measured. */
export type Sample = Float32Array

/** How long each resolution reaches back: fine for half an hour, coarse for a day. */
export const RESOLUTIONS: readonly {readonly stepSeconds: number; readonly slots: number}[] = [
  {stepSeconds: 5, slots: 360},
  {stepSeconds: 30, slots: 480},
  {stepSeconds: 300, slots: 288},
]

interface Level {
  readonly stepSeconds: number
  readonly slots: number
  /** By slot: the step it holds, counted from 1970; -1 for none. */
  readonly steps: Int32Array
  /** By slot and column: sum and number of what was measured. */
  readonly sums: Float32Array
  readonly counts: Uint8Array
}

/**
 * Samples of one thing over a day, in room that does not grow: each resolution is a ring of means. A slot is found by its
 * time, so a gap in the samples, a daemon that slept or a clock that was set leaves holes and never shifts what is known.
 * With six columns it is some 38 KB, 34 bytes a slot.
 */
export class SampleRing {
  readonly #columns: number
  readonly #levels: readonly Level[]

  constructor(columns: number, resolutions = RESOLUTIONS) {
    this.#columns = columns
    this.#levels = resolutions.map(({stepSeconds, slots}) => ({
      ...{stepSeconds, slots},
      steps: new Int32Array(slots).fill(-1),
      sums: new Float32Array(slots * columns),
      counts: new Uint8Array(slots * columns),
    }))
  }

  add(atSeconds: number, sample: Sample): void {
    for (const {stepSeconds, slots, steps, sums, counts} of this.#levels) {
      const step = Math.floor(atSeconds / stepSeconds)
      const slot = step % slots
      const from = slot * this.#columns
      if (steps[slot] !== step) {
        steps[slot] = step
        sums.fill(0, from, from + this.#columns)
        counts.fill(0, from, from + this.#columns)
      }
      for (let column = 0; column < this.#columns; column++) {
        const value = sample[column]!
        // A mean of 255 samples is as good as one of more.
        if (Number.isNaN(value) || counts[from + column] === 255) continue
        sums[from + column]! += value
        counts[from + column]!++
      }
    }
  }

  /** In the finest resolution that reaches back so far, up to and with `nowSeconds`; the oldest first, holes as null. */
  read(
    nowSeconds: number,
    spanSeconds: number,
  ): {
    readonly stepSeconds: number
    readonly at: readonly number[]
    readonly columns: readonly (readonly (number | null)[])[]
  } {
    const level =
      this.#levels.find(({stepSeconds, slots}) => stepSeconds * slots >= spanSeconds) ?? this.#levels.at(-1)!
    const {stepSeconds, slots, steps, sums, counts} = level
    const last = Math.floor(nowSeconds / stepSeconds)
    const wanted = Math.min(slots, Math.max(1, Math.ceil(spanSeconds / stepSeconds)))
    const at: number[] = []
    const columns: (number | null)[][] = Array.from({length: this.#columns}, () => [])
    for (let step = last - wanted + 1; step <= last; step++) {
      const slot = step % slots
      at.push(step * stepSeconds)
      for (const [column, values] of columns.entries()) {
        const index = slot * this.#columns + column
        values.push(steps[slot] === step && counts[index]! > 0 ? sums[index]! / counts[index]! : null)
      }
    }
    return {stepSeconds, at, columns}
  }
}
