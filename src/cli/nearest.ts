/** The word that somebody may have meant; null: none is near. */
export function nearest(typed: string, words: Iterable<string>): string | null {
  const asked = typed.toLowerCase()
  let best: string | null = null
  let least = Math.max(1, Math.floor(typed.length / 3)) + 1
  for (const word of words) {
    const distance = editDistance(asked, word.toLowerCase(), least)
    if (distance < least) [best, least] = [word, distance]
  }
  return best
}

/** `; did you mean X?` to end a sentence with, or nothing. */
export function meant(typed: string, words: Iterable<string>): string {
  const word = nearest(typed, words)
  return word === null ? '' : `; did you mean ${word}?`
}

/** Letters that are missing, too many, other ones or exchanged with the next one; not counted beyond `most`. */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) >= most) return most
  let before: number[] = []
  let last = Array.from({length: b.length + 1}, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const now = [row]
    for (let column = 1; column <= b.length; column++) {
      const other = a[row - 1] === b[column - 1] ? 0 : 1
      let cost = Math.min(now[column - 1]! + 1, last[column]! + 1, last[column - 1]! + other)
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, before[column - 2]! + 1)
      }
      now.push(cost)
    }
    before = last
    last = now
  }
  return last[b.length]!
}
