export type State = 'up' | 'warn' | 'down' | 'idle'

/** A state has a shape of its own, so that nobody has to tell colours apart. */
export const SHAPES: Readonly<Record<State, string>> = {
  up: 'M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13zM4.6 8.2l2.4 2.4 4.4-4.8',
  warn: 'M8 1.6L15 14H1zM8 6v4M8 11.7v.6',
  down: 'M8 .8L15.2 8L8 15.2L.8 8zM5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8',
  idle: 'M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12zM5 8h6',
}

export const severityState = (severity: string): State =>
  severity === 'error' || severity === 'critical' ? 'down' : severity === 'warning' ? 'warn' : 'idle'
