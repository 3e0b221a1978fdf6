import type {ComponentChildren} from 'preact'
import {SHAPES, type State} from './state.ts'

export function StateMark({state, children}: {readonly state: State; readonly children: ComponentChildren}) {
  return (
    <span class={`mark mark-${state}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={SHAPES[state]} />
      </svg>
      <span>{children}</span>
    </span>
  )
}
