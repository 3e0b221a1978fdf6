/** Why there is no answer to be had. */
export interface Problem {
  /** `unavailable`: whom the gateway asks for it does not answer. */
  readonly code: 'bad-request' | 'unavailable'
  readonly problem: string
}
