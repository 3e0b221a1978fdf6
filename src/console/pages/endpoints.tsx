import {useEffect, useState} from 'preact/hooks'
import type {EndpointPage, EndpointRow} from '../../api/client.ts'
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
  readonly total: number
  readonly next: number | null
}

const NOTHING: Found = {items: [], total: 0, next: 0}
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
      <PageHead title="Endpoints">
        <span class="quiet">{found.total > 0 ? `${count(found.total)} addresses in all` : ''}</span>
      </PageHead>
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
        {found.next !== null && !isLooking && found.items.length > 0 ? (
          <button type="button" class="more" onClick={more}>
            Show more
          </button>
        ) : null}
      </Panel>
    </>
  )
}

/** Asks page after page until one is full: the gateway looks no longer than a moment at a time. */
function useSearch({text, selector, site}: Search) {
  const [found, setFound] = useState<Found>(NOTHING)
  const [problem, setProblem] = useState<string | null>(null)
  const [wanted, setWanted] = useState(ON_A_PAGE)
  const [isLooking, setLooking] = useState(true)

  useEffect(() => {
    setFound(NOTHING)
    setWanted(ON_A_PAGE)
  }, [text, selector, site])

  useEffect(() => {
    let isOver = false
    const look = async (): Promise<void> => {
      setLooking(true)
      let [items, next]: [readonly EndpointRow[], number | null] = [found.items, found.next]
      while (!isOver && next !== null && items.length < wanted) {
        const query = new URLSearchParams({limit: String(wanted - items.length), after: String(next)})
        if (text.trim()) query.set('text', text.trim())
        if (selector.trim()) query.set('selector', selector.trim())
        if (site) query.set('site', site)
        const answer = await ask<EndpointPage>(`/v1/search/endpoints?${query}`)
        if (isOver) return
        if (!answer.ok) {
          setProblem(answer.message)
          break
        }
        setProblem(null)
        items = [...items, ...answer.value.items]
        next = answer.value.next
        setFound({items, total: answer.value.total, next})
      }
      if (!isOver) setLooking(false)
    }
    const timer = setTimeout(() => void look(), found.items.length === 0 ? PAUSE_MS : 0)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
    // What is found is where it goes on from, not a reason to
  }, [text, selector, site, wanted, found === NOTHING])

  return {found, problem, isLooking, more: () => setWanted(found.items.length + ON_A_PAGE)}
}
