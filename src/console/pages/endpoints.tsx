import {useEffect, useRef, useState} from 'preact/hooks'
import type {EndpointRow, Listing} from '../../api/client.ts'
import type {PageProps} from '../app.tsx'
import {ask} from '../ask.ts'
import {count} from '../figures.ts'
import {useLive} from '../live.ts'
import {Labels, PageHead, Panel, Problem} from '../panel.tsx'
import {hrefOf} from '../route.ts'

interface Search {
  readonly text: string
  readonly selector: string
  readonly site: string
}

interface Found {
  readonly items: readonly EndpointRow[]
  /** Of the page behind them; null: there is none. */
  readonly next: string | null
}

const NOTHING: Found = {items: [], next: null}
const ON_A_PAGE = 50
/** Typing is waited for. */
const PAUSE_MS = 250

/** All endpoints, looked for by the gateway: a browser is never given more than a page. */
export function Endpoints({route: {query}}: PageProps) {
  const {status} = useLive()
  const [search, setSearch] = useState<Search>({
    text: query.get('text') ?? '',
    selector: query.get('selector') ?? '',
    site: query.get('site') ?? '',
  })
  const {found, problem, isLooking, more} = useSearch(search)
  const change = (part: Partial<Search>): void => setSearch({...search, ...part})
  return (
    <>
      <PageHead title="Endpoints" />
      <Panel title="Find endpoints">
        <search>
          <form class="fields" onSubmit={(event) => event.preventDefault()}>
            <label class="field">
              <span>Address, name or label</span>
              <input
                type="search"
                value={search.text}
                placeholder="10.1.0.5, default/web, app=web"
                onInput={(event) => change({text: event.currentTarget.value})}
              />
            </label>
            <label class="field">
              <span>Selector</span>
              <input
                type="search"
                class="code"
                value={search.selector}
                placeholder="app == 'web' && has(tier)"
                spellcheck={false}
                aria-invalid={problem !== null}
                onInput={(event) => change({selector: event.currentTarget.value})}
              />
            </label>
            <label class="field">
              <span>Site</span>
              <select value={search.site} onChange={(event) => change({site: event.currentTarget.value})}>
                <option value="">All sites</option>
                {(status?.sites ?? []).map(({name}) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
          </form>
        </search>
        {problem ? <Problem message={problem} /> : null}
        <p class="quiet" role="status">
          {isLooking ? 'Looking…' : `${count(found.items.length)}${found.next === null ? '' : ' or more'} found`}
        </p>
        <ul class="endpoints">
          {found.items.map((row, index) => (
            <li key={`${row.address} ${row.source} ${index}`} class="endpoint">
              <div class="endpoint-head">
                <code class="endpoint-address">{row.address}</code>
                <span class="endpoint-name">{row.names.join(', ')}</span>
                <span class="quiet">{`${row.kind} of `}</span>
                <a href={hrefOf('sites', row.site)}>{row.site}</a>
                {row.real ? <span class="quiet">{`there ${row.real}`}</span> : null}
                <a class="endpoint-trace" href={hrefOf('trace', null, {from: row.address})}>
                  Trace<span class="unseen">{` from ${row.address}`}</span>
                </a>
              </div>
              <Labels labels={row.labels} />
            </li>
          ))}
        </ul>
        {found.next !== null && !isLooking ? (
          <button type="button" class="more" onClick={more}>
            Show more
          </button>
        ) : null}
      </Panel>
    </>
  )
}

/** What is typed begins a list anew; `more` goes on with it, or begins anew where the gateway holds it no longer. */
function useSearch({text, selector, site}: Search) {
  const [found, setFound] = useState<Found>(NOTHING)
  const [problem, setProblem] = useState<string | null>(null)
  const [isLooking, setLooking] = useState(true)
  const newest = useRef(0)

  const look = async (cursor: string | null): Promise<void> => {
    newest.current += 1
    const own = newest.current
    setLooking(true)
    const answer = await ask<Listing<'endpoints'>>(`/v1/get/endpoints?${wordsOf({text, selector, site}, cursor)}`)
    if (own !== newest.current) return
    if (!answer.ok && answer.code === 'cursor-gone') return look(null)
    setLooking(false)
    setProblem(answer.ok ? null : answer.message)
    if (!answer.ok) return
    const {items, next} = answer.value
    setFound((before) => ({items: cursor === null ? items : [...before.items, ...items], next}))
  }

  useEffect(() => {
    const timer = setTimeout(() => void look(null), PAUSE_MS)
    return () => {
      newest.current += 1
      clearTimeout(timer)
    }
  }, [text, selector, site])

  return {found, problem, isLooking, more: () => void look(found.next)}
}

function wordsOf({text, selector, site}: Search, cursor: string | null): URLSearchParams {
  const selectors = [selector.trim() && `(${selector.trim()})`, site && `isthmus.io/site == '${site}'`].filter(Boolean)
  const words = {text: text.trim(), selector: selectors.join(' && '), cursor: cursor ?? ''}
  const given = Object.entries(words).filter(([, word]) => word !== '')
  return new URLSearchParams([['limit', String(ON_A_PAGE)], ...given])
}
