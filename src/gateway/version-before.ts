import type {ConfigHistory} from '../store/index.ts'

/**
 * The version that a rollback without a number goes to: the one that the version in force came after. What was undone is no
 * such version, or a rollback that comes a moment after one that came by itself would bring back what cut somebody off.
 */
export async function versionBefore(
  versions: ConfigHistory['versions'],
  textOf: (version: number) => Promise<string | null>,
): Promise<number | undefined> {
  const way: {readonly version: number; readonly text: string}[] = []
  for (const {version, how} of versions) {
    const text = how === 'kept' ? null : await textOf(version)
    if (text === null) continue
    const back = how === 'rolled back' ? way.findLastIndex((one) => one.text === text) : -1
    if (back < 0) way.push({version, text})
    else way.length = back + 1
  }
  return way.at(-2)?.version
}
