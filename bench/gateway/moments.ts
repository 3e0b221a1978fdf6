/** When something happened next, by name; who does not wait for it does not hear of it. */
export class Moments {
  readonly #waiting = new Map<string, (atMs: number) => void>()

  happened(name: string): void {
    this.#waiting.get(name)?.(performance.now())
    this.#waiting.delete(name)
  }

  next(name: string): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.set(name, resolve)
    })
  }
}
