import type {PolicyMatrix} from '../api/client.ts'
import {count} from './figures.ts'
import {SHAPES, type State} from './state.ts'

export interface MatrixTableProps {
  readonly matrix: PolicyMatrix
  readonly chosen: {readonly from: string; readonly to: string} | null
  readonly onChoose: (pair: {readonly from: string; readonly to: string}) => void
}

const MEANING: Readonly<Record<string, {readonly word: string; readonly state: State}>> = {
  a: {word: 'allowed', state: 'up'},
  d: {word: 'denied', state: 'down'},
  m: {word: 'in part', state: 'warn'},
}

/** Sources as rows, destinations as columns. One stop for the tab key; arrows go from field to field. */
export function MatrixTable({matrix: {groups, cells, by}, chosen, onChoose}: MatrixTableProps) {
  if (groups.length === 0) return <p class="nothing">There are no endpoints yet.</p>
  return (
    <>
      <ul class="matrix-key">
        {Object.values(MEANING).map(({word, state}) => (
          <li key={word} class={`cell-${state}`}>
            <Glyph state={state} /> {word}
          </li>
        ))}
      </ul>
      <section class="matrix-room" aria-label={`Policy by ${by}`}>
        <table class="matrix">
          <caption class="unseen">{`Who may talk to whom, by ${by}: rows are sources, columns destinations`}</caption>
          <thead>
            <tr>
              <th scope="col" class="corner">
                <span class="unseen">from, to</span>
              </th>
              {groups.map(({name}) => (
                <th key={name} scope="col" class="matrix-to">
                  <span>{name === '' ? '(without)' : name}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody onKeyDown={goOn}>
            {groups.map((from, row) => (
              <tr key={from.name}>
                <th scope="row" title={`${count(from.addresses)} addresses, ${count(from.classes)} classes`}>
                  {from.name === '' ? '(without)' : from.name}
                </th>
                {groups.map((to, column) => {
                  const meaning = MEANING[cells[row]?.[column] ?? '-']
                  if (!meaning) return <td key={to.name} class="cell cell-none" />
                  const isChosen = chosen?.from === from.name && chosen.to === to.name
                  return (
                    <td key={to.name} class={`cell cell-${meaning.state}`}>
                      <button
                        type="button"
                        data-at={`${row} ${column}`}
                        tabIndex={isChosen || (chosen === null && row === 0 && column === firstOf(cells)) ? 0 : -1}
                        aria-pressed={isChosen}
                        aria-label={`${from.name || 'without'} to ${to.name || 'without'}: ${meaning.word}`}
                        onClick={() => onChoose({from: from.name, to: to.name})}
                      >
                        <Glyph state={meaning.state} />
                      </button>
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  )
}

const firstOf = (cells: readonly string[]): number => Math.max(0, (cells[0] ?? '').search(/[adm]/))

function Glyph({state}: {readonly state: State}) {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[state]} />
    </svg>
  )
}

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
}

function goOn(event: KeyboardEvent): void {
  const step = STEPS[event.key]
  const at = (event.target as HTMLElement).dataset.at?.split(' ').map(Number)
  if (!step || !at) return
  event.preventDefault()
  const next = `${at[0]! + step[0]} ${at[1]! + step[1]}`
  ;(event.currentTarget as Element).querySelector<HTMLElement>(`[data-at="${next}"]`)?.focus()
}
