import type {ComponentChildren} from 'preact'
import {count} from './figures.ts'
import {StateMark} from './mark.tsx'
import type {State} from './state.ts'

export function PageHead({title, children}: {readonly title: string; readonly children?: ComponentChildren}) {
  return (
    <div class="page-head">
      <h1>{title}</h1>
      {children ? <div class="page-head-more">{children}</div> : null}
    </div>
  )
}

export interface PanelProps {
  readonly title: string
  readonly class?: string
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
}

export function Panel({title, class: own = '', aside, children}: PanelProps) {
  return (
    <section class={`panel ${own}`} aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}

export interface TileProps {
  readonly label: string
  readonly href: string
  readonly good: number
  readonly all: number
  readonly word: string
  /** Where not all is well: how bad that is. */
  readonly bad?: State
}

/** One number of how much is well, and out of how much. */
export function Tile({label, href, good, all, word, bad = 'down'}: TileProps) {
  return (
    <a class="tile" href={href}>
      <span class="tile-label">{label}</span>
      <span class="tile-figure">
        {count(good)}
        {all === good ? null : <span class="tile-of">/{count(all)}</span>}
      </span>
      <StateMark state={all === 0 ? 'idle' : good === all ? 'up' : bad}>
        {all === 0 ? 'none' : good === all ? word : `${all - good} not ${word}`}
      </StateMark>
    </a>
  )
}

/** Names and values of one thing. */
export function Facts({facts}: {readonly facts: readonly (readonly [string, ComponentChildren])[]}) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? '–'}</dd>
        </div>
      ))}
    </dl>
  )
}

export function Labels({labels}: {readonly labels: Readonly<Record<string, string>>}) {
  const pairs = Object.entries(labels)
  if (pairs.length === 0) return <span class="quiet">no labels</span>
  return (
    <ul class="labels">
      {pairs.map(([label, value]) => (
        <li key={label}>
          <span class="label-name">{label}</span>
          <span class="label-value">{value}</span>
        </li>
      ))}
    </ul>
  )
}

export function Problem({message}: {readonly message: string}) {
  return (
    <p class="problem" role="alert">
      {message}
    </p>
  )
}

export const Waiting = () => <p class="nothing">Waiting for the gateway…</p>
