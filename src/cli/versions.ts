/** Whether one version (semver without build) comes after another; what is no version comes first. */
export function isNewer(one: string, other: string): boolean {
  const [a, b] = [partsOf(one), partsOf(other)]
  for (const [index, part] of a.numbers.entries()) {
    const difference = part - b.numbers[index]!
    if (difference !== 0) return difference > 0
  }
  // 1.0.0-rc.1 comes before 1.0.0.
  if (a.early === b.early) return false
  return a.early === '' || (b.early !== '' && a.early > b.early)
}

function partsOf(version: string): {readonly numbers: readonly [number, number, number]; readonly early: string} {
  const found = /^(\d+)\.(\d+)\.(\d+)(?:[-~](.+))?$/.exec(version)
  if (!found) return {numbers: [0, 0, 0], early: '0'}
  return {numbers: [Number(found[1]), Number(found[2]), Number(found[3])], early: found[4] ?? ''}
}
