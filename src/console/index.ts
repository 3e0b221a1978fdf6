/**
 * The web page of a gateway: what people on call look at. Read-only; it speaks to the API and to nothing else.
 *
 *     /v1/events (status, log) ──► live.ts ──► useLive ─┐
 *     /v1/get, series, policy, trace ──► ask.ts ────────┼──► pages/NAME.tsx ──► parts: table, plot, topology, mark
 *     #/PAGE/NAME?… ──► route.ts ───────────────────────┘
 *
 * One page is one file. What can be computed without a browser (`route.ts`, `figures.ts`, `topology/place-sites.ts`,
 * `markdown.ts`) is pure and tested as such; all else is seen in a real Chromium (`test/console`). Nothing is written as
 * HTML: Preact makes text of whatever a label, a name or a runbook says, and the server's policy for content forbids the
 * rest. State is said by a shape and a word, and by colour only besides. `scripts/build.mjs` makes it into dist/console,
 * named by its contents; `src/api` serves it. Of the API it knows the client's types, no code.
 */
import {h, render} from 'preact'
import {App} from './app.tsx'
import {LiveContext, LiveStore} from './live.ts'
import './styles/fonts.css'
import 'uplot/dist/uPlot.min.css'
import './styles/tokens.css'
import './styles/page.css'
import './styles/parts.css'
import './styles/topology.css'
import './styles/policy.css'

const live = new LiveStore()
live.start()
render(h(LiveContext.Provider, {value: live}, h(App, {})), document.getElementById('console')!)
