/** Where a site stands in the picture; the middle is 0, 0. */
export interface Place {
  readonly name: string
  readonly x: number
  readonly y: number
}

export interface Picture {
  readonly places: readonly Place[]
  /** Half of its width and height. */
  readonly halfWidth: number
  readonly halfHeight: number
}

/** Room along a ring for one site with its name, and from one ring to the next. */
const ALONG = 104
const BETWEEN = 66
const LEAST_BETWEEN = 58
const FIRST = 120
const FEW = 18
const LEAST_HALF = 190
const SAMPLES = 1440

/**
 * Sites around the own one on as few rings as they have room on, wider than high as screens are (`aspect`: width by
 * height; below 1 on a phone). Places follow from the order of names alone: a site that goes down stays where it is, and
 * one that comes moves the others by no more than a place.
 */
export function placeSites(names: readonly string[], aspect: number): Picture {
  const stretch = Math.sqrt(Math.min(2.2, Math.max(0.45, aspect)))
  const rings: Ellipse[] = []
  // A few stand on one ring with room to spare; it need not have it all at the smallest radius.
  const first = names.length <= FEW ? Math.max(FIRST, (names.length * ALONG * 1.5) / (2 * Math.PI)) : FIRST
  for (let room = 0; room < names.length; ) {
    const radius = first + rings.length * BETWEEN
    // However wide the picture, a name under a mark needs its height.
    const ring = ellipse(radius * stretch, Math.max(radius / stretch, first / stretch + rings.length * LEAST_BETWEEN))
    room += roomOn(ring)
    rings.push(ring)
  }
  const total = rings.reduce((sum, ring) => sum + roomOn(ring), 0)
  // One or two stand beside the own site, where their names are not on the way.
  const beginsAt = names.length <= 2 ? 0.25 : 0
  const places: Place[] = []
  let [taken, room] = [0, 0]
  for (const [index, ring] of rings.entries()) {
    room += roomOn(ring)
    // All rings are filled alike, so that the outermost does not look broken off.
    const until = index === rings.length - 1 ? names.length : Math.round((names.length * room) / total)
    const own = names.slice(taken, until)
    taken = until
    for (const [place, name] of own.entries()) {
      places.push({name, ...pointOn(ring, (place + (index % 2) / 2) / own.length + beginsAt)})
    }
  }
  const outer = rings.at(-1) ?? ellipse(FIRST, FIRST)
  return {
    places,
    // A few are not made larger than many would be.
    halfWidth: Math.max(LEAST_HALF, outer.rx + ALONG / 2 + 14),
    halfHeight: Math.max(LEAST_HALF, outer.ry + BETWEEN / 2 + 14),
  }
}

interface Ellipse {
  readonly rx: number
  readonly ry: number
  /** Length from the top to each sample, clockwise. */
  readonly lengths: readonly number[]
}

const roomOn = ({lengths}: Ellipse): number => Math.max(1, Math.floor(lengths.at(-1)! / ALONG))

function ellipse(rx: number, ry: number): Ellipse {
  const lengths = [0]
  let before = at({rx, ry}, 0)
  for (let sample = 1; sample <= SAMPLES; sample++) {
    const now = at({rx, ry}, sample / SAMPLES)
    lengths.push(lengths.at(-1)! + Math.hypot(now.x - before.x, now.y - before.y))
    before = now
  }
  return {rx, ry, lengths}
}

const at = ({rx, ry}: Pick<Ellipse, 'rx' | 'ry'>, turn: number): {readonly x: number; readonly y: number} => ({
  x: rx * Math.sin(turn * 2 * Math.PI),
  y: -ry * Math.cos(turn * 2 * Math.PI),
})

/** At a part of its length, so that neighbours are equally far from each other all around. */
function pointOn(ring: Ellipse, part: number): {readonly x: number; readonly y: number} {
  const wanted = (part % 1) * ring.lengths.at(-1)!
  const sample = ring.lengths.findIndex((length) => length >= wanted)
  const {x, y} = at(ring, sample / SAMPLES)
  return {x: Math.round(x * 10) / 10, y: Math.round(y * 10) / 10}
}
