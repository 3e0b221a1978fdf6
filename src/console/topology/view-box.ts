/** What part of the picture is seen. */
export interface View {
  readonly scale: number
  readonly x: number
  readonly y: number
}

export const WHOLE: View = {scale: 1, x: 0, y: 0}
const MOST = 8

/** Nearer or farther, with the point at `x`, `y` (from the middle of the picture, in its units) staying where it is. */
export function zoomed({scale, x: left, y: top}: View, factor: number, x = 0, y = 0): View {
  const next = Math.min(MOST, Math.max(1, scale * factor))
  const by = next / scale
  return next === 1 ? WHOLE : {scale: next, x: x - (x - left) * by, y: y - (y - top) * by}
}

/** Moved, but never out of sight. */
export function moved(view: View, dx: number, dy: number, halfWidth: number, halfHeight: number): View {
  const most = view.scale - 1
  const kept = (value: number, half: number): number => Math.min(half * most, Math.max(-half * most, value))
  return {scale: view.scale, x: kept(view.x + dx, halfWidth), y: kept(view.y + dy, halfHeight)}
}
