import type {ComponentType} from 'preact'
import {useEffect, useRef, useState} from 'preact/hooks'
import icon from './icon.svg'
import {useLive} from './live.ts'
import {Login} from './login.tsx'
import {StateMark} from './mark.tsx'
import {Alerts} from './pages/alerts.tsx'
import {Changes} from './pages/changes.tsx'
import {Datastores} from './pages/datastores.tsx'
import {Endpoints} from './pages/endpoints.tsx'
import {Overview} from './pages/overview.tsx'
import {Peers} from './pages/peers.tsx'
import {PolicyMatrixPage} from './pages/policy-matrix.tsx'
import {Runbooks} from './pages/runbooks.tsx'
import {Sites} from './pages/sites.tsx'
import {TracePage} from './pages/trace.tsx'
import {Tunnels} from './pages/tunnels.tsx'
import {WhatIf} from './pages/what-if.tsx'
import {hrefOf, type PageName, parseRoute, type Route} from './route.ts'
import {ThemeSwitch} from './theme.tsx'

export interface PageProps {
  readonly route: Route
}

const PAGES: Readonly<Record<PageName, {readonly title: string; readonly Page: ComponentType<PageProps>}>> = {
  overview: {title: 'Overview', Page: Overview},
  alerts: {title: 'Alerts', Page: Alerts},
  changes: {title: 'Changes', Page: Changes},
  sites: {title: 'Sites', Page: Sites},
  tunnels: {title: 'Tunnels', Page: Tunnels},
  peers: {title: 'Peers', Page: Peers},
  datastores: {title: 'Datastores', Page: Datastores},
  endpoints: {title: 'Endpoints', Page: Endpoints},
  policy: {title: 'Who may talk', Page: PolicyMatrixPage},
  trace: {title: 'Trace a flow', Page: TracePage},
  'what-if': {title: 'What if', Page: WhatIf},
  runbooks: {title: 'Runbooks', Page: Runbooks},
}

const SECTIONS: readonly {readonly title: string; readonly pages: readonly PageName[]}[] = [
  {title: 'Now', pages: ['overview', 'alerts', 'changes']},
  {title: 'Network', pages: ['sites', 'tunnels', 'peers', 'datastores']},
  {title: 'Policy', pages: ['endpoints', 'policy', 'trace', 'what-if']},
  {title: 'Help', pages: ['runbooks']},
]

export function App() {
  const live = useLive()
  const [route, setRoute] = useState(() => parseRoute(location.hash))
  const [isOpen, setOpen] = useState(false)
  const main = useRef<HTMLElement>(null)
  useEffect(() => {
    const follow = (): void => {
      const next = parseRoute(location.hash)
      setRoute((before) => {
        // A new page is read from its top; what was only chosen on it leaves everything where it is.
        if (before.page !== next.page || before.name !== next.name) {
          window.scrollTo(0, 0)
          main.current?.focus({preventScroll: true})
        }
        return next
      })
      setOpen(false)
    }
    window.addEventListener('hashchange', follow)
    return () => window.removeEventListener('hashchange', follow)
  }, [])
  const {title, Page} = PAGES[route.page]
  const {status} = live
  useEffect(() => {
    document.title = `${route.name ?? title} · ${status ? `${status.site}/${status.gateway}` : 'Isthmus'}`
  }, [title, route.name, status?.site, status?.gateway])

  if (live.link === 'login') return <Login />
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <header class="top">
        <a class="brand" href={hrefOf('overview')} aria-label="Isthmus, overview">
          <img src={icon} alt="" width="28" height="28" />
          <span class="brand-name">Isthmus</span>
        </a>
        <p class="where">
          {status ? (
            <>
              <span class="where-site">{status.site}</span>
              <span class="where-gateway">{status.gateway}</span>
            </>
          ) : null}
        </p>
        <LinkState />
        <ThemeSwitch />
        <button
          type="button"
          class="menu"
          aria-expanded={isOpen}
          aria-controls="pages"
          onClick={() => setOpen(!isOpen)}
        >
          Menu
        </button>
      </header>
      <nav id="pages" class={isOpen ? 'pages open' : 'pages'} aria-label="Pages">
        {SECTIONS.map((section) => (
          <div key={section.title} class="pages-section">
            <p class="pages-title">{section.title}</p>
            <ul>
              {section.pages.map((page) => (
                <li key={page}>
                  <a href={hrefOf(page)} aria-current={page === route.page ? 'page' : undefined}>
                    {PAGES[page].title}
                    <Trouble page={page} />
                  </a>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <main id="content" ref={main} tabIndex={-1}>
        <Page route={route} key={route.page} />
      </main>
    </div>
  )
}

const LINK_WORDS = {connecting: 'connecting', live: 'live', lost: 'no answer', login: 'login'} as const
const LINK_STATES = {connecting: 'idle', live: 'up', lost: 'down', login: 'idle'} as const

function LinkState() {
  const {link} = useLive()
  return (
    <p class="link" role="status">
      <StateMark state={LINK_STATES[link]}>{LINK_WORDS[link]}</StateMark>
    </p>
  )
}

/** How many things of a page need a look. */
function Trouble({page}: {readonly page: PageName}) {
  const {status} = useLive()
  if (!status) return null
  const many = {
    alerts: status.findings.filter(({severity}) => severity !== 'info').length,
    sites: status.sites.filter(({presence, state}) => presence !== 'open' || (state !== null && state !== 'fresh'))
      .length,
    tunnels: status.tunnels.filter(({up}) => !up).length,
    peers: status.sessions.filter(({up}) => !up).length,
    datastores: status.datastores.filter(({connected, synced}) => !connected || !synced).length,
  }[page as string]
  return many ? (
    <span class="trouble">
      {many}
      <span class="unseen"> in need of a look</span>
    </span>
  ) : null
}
