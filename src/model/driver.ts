import type {DriverName, Outcome, Step} from './step.ts'

/**
 * What every driver is: a reader of the part of the node that it owns, and an applier of steps.
 *
 * `apply` is idempotent: applied twice is applied once, deleting what is missing succeeds, foreign objects are never
 * touched (`test/contract/driver.ts` holds every driver to it). One outcome a step, in the order given. An `atomic`
 * driver does all steps of a batch or none. A failure is an outcome; only an aborted signal throws.
 */
export interface Driver<Part, S extends Step = Step> {
  readonly name: DriverName
  readonly atomic: boolean
  read(signal: AbortSignal): Promise<Part>
  apply(steps: readonly S[], signal: AbortSignal): Promise<readonly Outcome[]>
}
