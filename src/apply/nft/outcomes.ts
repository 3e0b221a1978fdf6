import type {NftStep, Outcome, StepKey} from '../../model/index.ts'

/** The culprits with nft's words about them; the others are undone with them. */
export function failed(steps: readonly NftStep[], causes: ReadonlyMap<StepKey, string>, otherwise = ''): Outcome[] {
  const [culprit] = causes.keys()
  return steps.map(({key}): Outcome => {
    const cause = causes.get(key) ?? (culprit === undefined ? otherwise : undefined)
    if (cause !== undefined) return {ok: false, step: key, code: 'refused', cause}
    return {ok: false, step: key, code: 'skipped', cause: `undone with ${culprit}, which was refused`}
  })
}

export const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)
