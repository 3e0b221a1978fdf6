/** Unchanged lines around a change. */
const CONTEXT = 3
/** Beyond so many changed lines the shortest way is not looked for: all old lines go, all new ones come. */
const MAX_EDITS = 2000

type Edit = readonly [sign: ' ' | '-' | '+', line: string]

/** The unified difference of two texts, with its two title lines; empty where there is none. */
export function unifiedDifference(
  before: string,
  after: string,
  titles: readonly [before: string, after: string],
): string {
  if (before === after) return ''
  const edits = editsOf(linesOf(before), linesOf(after))
  const hunks = hunksOf(edits)
  return [`--- ${titles[0]}`, `+++ ${titles[1]}`, ...hunks, ''].join('\n')
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))

function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let end = 0
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    end++
  }
  const same = (line: string): Edit => [' ', line]
  return [
    ...before.slice(0, start).map(same),
    ...shortest(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ]
}

/** The furthest line of the old text on a diagonal (old less new), as far as it was looked at. */
type Reach = (diagonal: number) => number

/** Myers' greedy search: the furthest reach on each diagonal, for 0, 1, 2, … edits, then the way back. */
function shortest(before: readonly string[], after: readonly string[]): Edit[] {
  const most = Math.min(before.length + after.length, MAX_EDITS)
  const reach = new Int32Array(2 * most + 3)
  const middle = most + 1
  const reaches: Reach[] = []
  for (let edits = 0; edits <= most; edits++) {
    const window = reach.slice(middle - edits - 1, middle + edits + 2)
    const earlier: Reach = (diagonal) => window[diagonal + edits + 1]!
    reaches.push(earlier)
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = goesDown(earlier, diagonal, edits) ? earlier(diagonal + 1) : earlier(diagonal - 1) + 1
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++
      reach[middle + diagonal] = x
      if (x >= before.length && x - diagonal >= after.length) return wayBack(before, after, reaches)
    }
  }
  return [...before.map((line): Edit => ['-', line]), ...after.map((line): Edit => ['+', line])]
}

/** Whether the last step was a new line and not one that went. */
const goesDown = (reach: Reach, diagonal: number, edits: number): boolean =>
  diagonal === -edits || (diagonal !== edits && reach(diagonal - 1) < reach(diagonal + 1))

function wayBack(before: readonly string[], after: readonly string[], reaches: readonly Reach[]): Edit[] {
  const found: Edit[] = []
  let [x, y] = [before.length, after.length]
  for (let edits = reaches.length - 1; edits >= 0; edits--) {
    const reach = reaches[edits]!
    const isDown = goesDown(reach, x - y, edits)
    const from = x - y + (isDown ? 1 : -1)
    const fromX = edits === 0 ? 0 : reach(from)
    const fromY = edits === 0 ? 0 : fromX - from
    const changeX = edits === 0 || isDown ? fromX : fromX + 1
    const changeY = edits === 0 || !isDown ? fromY : fromY + 1
    while (x > changeX && y > changeY) {
      found.push([' ', before[x - 1]!])
      ;[x, y] = [x - 1, y - 1]
    }
    if (edits > 0) found.push(isDown ? ['+', after[y - 1]!] : ['-', before[x - 1]!])
    ;[x, y] = [fromX, fromY]
  }
  return found.reverse()
}

/** Changes with their context, those that nearly touch as one. */
function hunksOf(edits: readonly Edit[]): string[] {
  const kept = new Set<number>()
  for (const [index, [sign]] of edits.entries()) {
    if (sign === ' ') continue
    for (let near = index - CONTEXT; near <= index + CONTEXT; near++) kept.add(near)
  }
  const lines: string[] = []
  let [oldLine, newLine] = [1, 1]
  for (let index = 0; index < edits.length; ) {
    const [sign] = edits[index]!
    if (!kept.has(index)) {
      if (sign !== '+') oldLine++
      if (sign !== '-') newLine++
      index++
      continue
    }
    let end = index
    while (end < edits.length && kept.has(end)) end++
    const hunk = edits.slice(index, end)
    const [olds, news] = [hunk.filter(([one]) => one !== '+').length, hunk.filter(([one]) => one !== '-').length]
    lines.push(`@@ -${rangeOf(oldLine, olds)} +${rangeOf(newLine, news)} @@`, ...hunk.map((edit) => edit.join('')))
    ;[oldLine, newLine, index] = [oldLine + olds, newLine + news, end]
  }
  return lines
}

/** An empty range names the line before it. */
const rangeOf = (line: number, count: number): string =>
  count === 1 ? String(line) : `${count === 0 ? line - 1 : line},${count}`
