import path from 'node:path'
import {until} from '../../lab/processes.ts'
import {createApiClient} from '../../src/api/client.ts'
import {type RunningApi, startApi} from '../../src/api/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {launch} from '../../test/support/chromium.ts'
import {statusOfMany} from '../../test/support/console-view.ts'
import {fakeView} from '../../test/support/fake-view.ts'
import {type Issued, issuedFolder, SERVER} from '../../test/support/issued.ts'
import {type BenchOptions, type BenchResult, medianOf, quantile} from '../result.ts'

type Browser = Awaited<ReturnType<typeof launch>>
type Page = Awaited<ReturnType<Browser['newPage']>>

const CONSOLE = path.resolve(import.meta.dirname, '../../dist/console')
const SITES = 200
const SIZE = {width: 1440, height: 900}

/** Notes when the first site of the map is on the screen: then it can be pointed at and gone to. */
const WATCH = `
  window.seenMs = null
  new MutationObserver((_, observer) => {
    if (!document.querySelector('[data-site]')) return
    observer.disconnect()
    requestAnimationFrame(() => setTimeout(() => { window.seenMs = performance.now() }))
  }).observe(document, {childList: true, subtree: true})`

/** Frames while the near map is drawn to and fro, and the status goes on changing. */
const FRAMES = (frames: number): string => `new Promise((resolve) => {
  const svg = document.querySelector('.topology svg')
  const times = []
  let before = performance.now()
  const step = (now) => {
    times.push(now - before)
    before = now
    if (times.length > ${frames}) return resolve(times.slice(1))
    const by = Math.sin(times.length / 10) * 12
    svg.dispatchEvent(new PointerEvent('pointermove', {buttons: 1, movementX: by, movementY: by / 2, bubbles: true}))
    requestAnimationFrame(step)
  }
  requestAnimationFrame(step)
})`

/** The console's first view in a Chromium that has nothing in its cache, over TLS, and its map of 200 sites. */
export async function page({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const issued = issuedFolder()
  let browser: Browser | null = null
  let api: RunningApi | null = null
  try {
    api = await startConsole(issued)
    browser = await launch()
    const seen: number[] = []
    let weight = 0
    for (let round = 0; round < (quick ? 3 : 15); round++) {
      const opened = await open(browser, issued, api)
      seen.push(Number(await opened.evaluate('window.seenMs')))
      weight = Number(await opened.evaluate(WEIGHT))
      await opened.context().close()
    }
    const frames = await framesOf(await open(browser, issued, api), quick ? 60 : 300)
    return [
      {name: 'first-view/compressed-kb', value: weight / 1000, unit: 'kB', goal: '<=200'},
      {name: 'first-view/interactive-ms', ...medianOf(seen), unit: 'ms', goal: '<=1000'},
      {name: `topology-${SITES}/frame-p50-ms`, value: quantile(frames, 0.5), unit: 'ms'},
      {name: `topology-${SITES}/frame-p95-ms`, value: quantile(frames, 0.95), unit: 'ms', goal: '<=50'},
    ]
  } finally {
    await browser?.close()
    await api?.close()
    issued.remove()
  }
}

/** All that came of ours, as it came over the wire; answers of the API are data, and grow with the sites. */
const WEIGHT = `performance.getEntries()
  .filter(({entryType, name}) => ['navigation', 'resource'].includes(entryType) && !name.includes('/v1/'))
  .reduce((sum, {encodedBodySize}) => sum + encodedBodySize, 0)`

async function startConsole(issued: Issued): Promise<RunningApi> {
  await issued.make('ca')
  await issued.make('server', {issuer: 'ca', ...SERVER})
  let beat = 0
  return startApi({
    view: fakeView({status: () => statusOfMany(SITES, beat++)}),
    socketPath: issued.at('api.sock'),
    metrics: null,
    listen: {
      ...{address: parseAddress('127.0.0.1')!, port: 0, clientCa: null, clients: []},
      ...{cert: issued.at('server.pem'), key: issued.at('server.key')},
    },
    consoleFolder: CONSOLE,
    onError: console.error,
  })
}

/** A context of its own, logged in, with the map on its screen. */
async function open(browser: Browser, issued: Issued, api: RunningApi): Promise<Page> {
  const context = await browser.newContext({viewport: SIZE, ignoreHTTPSErrors: true})
  const made = await createApiClient(issued.at('api.sock')).loginToken(5)
  if (!made.ok) throw new Error(made.message)
  const url = `https://localhost:${api.tlsPort()}`
  const login = await context.request.post(`${url}/v1/login`, {data: JSON.stringify({token: made.value.token})})
  if (!login.ok()) throw new Error(await login.text())
  const opened = await context.newPage()
  await opened.addInitScript(WATCH)
  await opened.goto(`${url}/`)
  // The page's own policy lets nobody wait for a function in it.
  await until('the map', async () => ((await opened.evaluate('window.seenMs')) === null ? null : true), 30_000)
  await opened.evaluate('document.fonts.ready')
  return opened
}

async function framesOf(opened: Page, frames: number): Promise<number[]> {
  for (let time = 0; time < 3; time++) await opened.getByRole('button', {name: 'Nearer'}).click()
  return (await opened.evaluate(FRAMES(frames))) as number[]
}
