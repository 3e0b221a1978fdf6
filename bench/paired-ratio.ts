import {seededRandom} from './policy/random.ts'
import {quantile} from './result.ts'

/** Both sides of a comparison, measured one right after the other. */
export interface Round {
  readonly without: readonly number[]
  readonly beside: readonly number[]
}

const DRAWS = 2000
const SEED = 7

/**
 * How a quantile beside something compares with the one without it, over all rounds, with its 95 % interval: rounds are drawn
 * anew, each with both of its sides, so that a bad second of the machine shows as a wide interval and not as a result.
 */
export function pairedRatio(
  rounds: readonly Round[],
  q: number,
): {readonly value: number; readonly low: number; readonly high: number} {
  const ratio = (some: readonly Round[]): number =>
    quantile(
      some.flatMap(({beside}) => beside),
      q,
    ) /
    quantile(
      some.flatMap(({without}) => without),
      q,
    )
  const random = seededRandom(SEED)
  const drawn = Array.from({length: DRAWS}, () => ratio(Array.from(rounds, () => rounds[random.below(rounds.length)]!)))
  return {value: ratio(rounds), low: quantile(drawn, 0.025), high: quantile(drawn, 0.975)}
}
