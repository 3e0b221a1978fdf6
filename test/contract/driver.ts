import assert from 'node:assert/strict'
import type {Driver, Outcome, Step} from '../../src/model/index.ts'

/** What a driver's own test brings along for the suite. `Part` is compared with deepEqual after `view`. */
export interface DriverCase<Part, S extends Step> {
  readonly open: () => Promise<Driver<Part, S>> | Driver<Part, S>
  /** Steps that make something, from nothing. */
  readonly make: readonly S[]
  /** Steps that take it away again; none for settings that have no absence. */
  readonly unmake: readonly S[]
  /** Makes a foreign object that looks most like ours, and says how it stands now. */
  readonly foreign: {readonly create: () => void; readonly show: () => string}
  /** A step, what makes the kernel refuse it, and what makes it pass. */
  readonly refused: {readonly step: S; readonly provoke: () => void; readonly mend: () => void}
  /** The part without what may differ between two equal states (indexes). */
  readonly view: (part: Part) => unknown
}

/** One suite for every driver: what `src/model/driver.ts` promises. */
export function describeDriver<Part, S extends Step>(name: string, given: () => DriverCase<Part, S>): void {
  describe(`${name}: the driver's contract`, () => {
    const {signal} = new AbortController()
    const allOk = (outcomes: readonly Outcome[]) =>
      assert.deepEqual(
        outcomes.filter(({ok}) => !ok),
        [],
      )

    it('gives one outcome a step, in order, and applied twice is applied once', async () => {
      const {open, make, unmake, view} = given()
      const driver = await open()
      const first = await driver.apply(make, signal)
      allOk(first)
      assert.deepEqual(
        first.map(({step}) => step),
        make.map(({key}) => key),
      )
      const once = view(await driver.read(signal))
      allOk(await driver.apply(make, signal))
      assert.deepEqual(view(await driver.read(signal)), once)
      const other = await open()
      assert.deepEqual(view(await other.read(signal)), once, 'another process reads the same')
      allOk(await driver.apply(unmake, signal))
    })

    it('deletes what is missing without a word', async () => {
      const {open, make, unmake, view} = given()
      const driver = await open()
      allOk(await driver.apply(unmake, signal))
      const bare = view(await driver.read(signal))
      allOk(await driver.apply(make, signal))
      allOk(await driver.apply(unmake, signal))
      assert.deepEqual(view(await driver.read(signal)), bare)
      allOk(await driver.apply(unmake, signal))
      assert.deepEqual(view(await driver.read(signal)), bare)
    })

    it('leaves foreign objects alone, whatever it makes and unmakes', async () => {
      const {open, make, unmake, foreign} = given()
      foreign.create()
      const before = foreign.show()
      const driver = await open()
      await driver.read(signal)
      allOk(await driver.apply(make, signal))
      allOk(await driver.apply(unmake, signal))
      assert.equal(foreign.show(), before)
    })

    it('reports a refusal as an outcome with a cause, and converges when it is mended', async () => {
      const {open, make, unmake, refused} = given()
      const driver = await open()
      refused.provoke()
      const outcomes = await driver.apply([...make, refused.step], signal)
      const last = outcomes.at(-1)
      assert.ok(last && !last.ok, 'the bad step fails')
      assert.equal(last.step, refused.step.key)
      assert.notEqual(last.cause, '')
      if (driver.atomic)
        assert.ok(
          outcomes.every(({ok}) => !ok),
          'none of an atomic batch is applied',
        )
      else allOk(outcomes.slice(0, -1))
      refused.mend()
      await driver.read(signal)
      allOk(await driver.apply([...make, refused.step], signal))
      allOk(await driver.apply(unmake, signal))
    })

    it('throws only for an aborted signal', async () => {
      const {open, make} = given()
      const driver = await open()
      const aborted = AbortSignal.abort(new Error('stop'))
      await assert.rejects(driver.apply(make, aborted), /stop/)
    })
  })
}
