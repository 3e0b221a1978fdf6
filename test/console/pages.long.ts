import assert from 'node:assert/strict'
import path from 'node:path'
import type {Browser, Page} from 'playwright-core'
import {createApiClient} from '../../src/api/client.ts'
import {type GatewayStatus, type GatewayView, type RunningApi, startApi} from '../../src/api/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {assertAccessible, assertFits, keepScreenshot, launch, openPage} from '../support/chromium.ts'
import {SCRIPT, someEndpoints, statusOfMany} from '../support/console-view.ts'
import {fakeView} from '../support/fake-view.ts'
import {type Issued, issuedFolder, SERVER} from '../support/issued.ts'

const CONSOLE = path.resolve(import.meta.dirname, '../../dist/console')
const THEMES = ['light', 'dark'] as const
const WIDTHS = [360, 1440] as const

/** Each page by its address, and what there is to be seen before it is looked at. */
const PAGES: readonly {name: string; hash: string; seen: string; act?: (page: Page) => Promise<void>}[] = [
  {name: 'overview', hash: '', seen: 'All tunnels over time'},
  {name: 'alerts', hash: 'alerts', seen: 'Tunnel wan c/c1/wan 0 is down'},
  {name: 'changes', hash: 'changes', seen: 'the daemon has started'},
  {name: 'sites', hash: 'sites', seen: 'oslo'},
  {name: 'site', hash: 'sites/utrecht', seen: 'lost, closed'},
  {name: 'tunnels', hash: 'tunnels', seen: 'wan oslo/oslo-gw1/wan 0'},
  {name: 'tunnel', hash: 'tunnels/wan%20oslo%2Foslo-gw1%2Fwan%200', seen: 'Loss of probes'},
  {name: 'peers', hash: 'peers', seen: 'Established'},
  {name: 'peer', hash: 'peers/bgp%20tun_oslo_oslo-gw1_2', seen: 'Prefixes received'},
  {name: 'datastores', hash: 'datastores', seen: 'not reached, from disk'},
  {name: 'endpoints', hash: 'endpoints', seen: '10.2.0.9'},
  {
    ...{name: 'policy', hash: 'policy', seen: 'monitoring'},
    act: async (page) => {
      await page.getByRole('button', {name: 'web to client: denied'}).click()
      await page.getByRole('button', {name: 'Show the rules'}).click()
      await page.getByText('10.1.0.5 → 10.2.0.9').waitFor()
    },
  },
  {name: 'trace', hash: 'trace?from=10.1.0.5&to=10.2.0.9&port=443', seen: 'What becomes of it'},
  {
    ...{name: 'what-if', hash: 'what-if', seen: 'Edited policy'},
    act: async (page) => {
      await page.getByRole('button', {name: 'Compare'}).click()
      await page.getByText('opens').waitFor()
    },
  },
  {name: 'runbooks', hash: 'runbooks', seen: 'IsthmusTunnelDown'},
  {name: 'runbook', hash: 'runbooks/IsthmusTunnelDown', seen: 'How to repair'},
]

const withEndpoints: GatewayView['get'] = (kind, meant) =>
  kind === 'endpoints' ? (someEndpoints() as never) : fakeView().get(kind, meant)

describe('console in Chromium', function () {
  this.timeout(120_000)
  let issued: Issued
  let api: RunningApi
  let browser: Browser
  let status: GatewayStatus

  before(async () => {
    issued = issuedFolder()
    await issued.make('ca')
    await issued.make('server', {issuer: 'ca', ...SERVER})
    browser = await launch()
  })
  after(async () => {
    await browser.close()
    issued.remove()
  })
  const start = async (): Promise<void> => {
    api = await startApi({
      view: fakeView({status: () => status, get: withEndpoints}),
      socketPath: issued.at('api.sock'),
      metrics: null,
      listen: {
        ...{address: parseAddress('127.0.0.1')!, port: 0, clientCa: null, clients: []},
        ...{cert: issued.at('server.pem'), key: issued.at('server.key')},
      },
      consoleFolder: CONSOLE,
      onError: assert.fail,
    })
  }
  beforeEach(async () => {
    status = statusOfMany(11)
    await start()
  })
  afterEach(() => api.close())

  const urlOf = (hash: string): string => `https://localhost:${api.tlsPort()}/#/${hash}`
  const logIn = async (page: Page): Promise<void> => {
    const made = await createApiClient(issued.at('api.sock')).loginToken(5)
    assert.ok(made.ok)
    await page.getByLabel('One-time token').fill(made.value.token)
    await page.getByRole('button', {name: 'Log in'}).click()
    await page.getByRole('heading', {level: 1}).waitFor()
  }
  /** What a browser says of the answers before the login. */
  const isRefusal = (said: string): boolean => said.includes('401')

  it('asks who looks, says why a token is none, and lets one in for one', async () => {
    const {page, wrong} = await openPage(browser, {url: urlOf(''), width: 360, theme: 'light'})
    await page.getByLabel('One-time token').fill('nonsense')
    await assertAccessible(page, 'login')
    await keepScreenshot(page, 'login-light-360')
    await page.getByRole('button', {name: 'Log in'}).click()
    await page.getByRole('alert').getByText('no such token').waitFor()
    await logIn(page)
    await page.getByText('All tunnels over time').waitFor()
    await page.reload()
    await page.getByText('All tunnels over time').waitFor()
    assert.deepEqual(
      wrong.filter((said) => !isRefusal(said)),
      [],
    )
    await page.context().close()
  })

  for (const theme of THEMES) {
    for (const width of WIDTHS) {
      it(`every page is accessible, fits and loads nothing of elsewhere: ${theme}, ${width} px`, async () => {
        const {page, wrong} = await openPage(browser, {url: urlOf(''), width, theme})
        await logIn(page)
        wrong.length = 0
        for (const {name, hash, seen, act} of PAGES) {
          await page.goto(urlOf(hash))
          await page.getByText(seen).first().waitFor()
          await act?.(page)
          await assertAccessible(page, `${name}, ${theme}, ${width} px`)
          await assertFits(page, `${name}, ${theme}, ${width} px`)
          await keepScreenshot(page, `${name}-${theme}-${width}`)
        }
        assert.deepEqual(wrong, [])
        await page.context().close()
      })
    }
  }

  it('shows labels with a script in them as text, wherever they are', async () => {
    const {page} = await openPage(browser, {url: urlOf('endpoints'), width: 1440, theme: 'light'})
    await logIn(page)
    await page.getByText(SCRIPT).first().waitFor()
    await page.goto(urlOf('policy'))
    await page.getByRole('rowheader', {name: SCRIPT}).waitFor()
    await page.getByRole('button', {name: `web to ${SCRIPT}`}).click()
    await page.getByText(SCRIPT).first().waitFor()
    await page.goto(urlOf(`sites/${encodeURIComponent(SCRIPT)}`))
    await page.getByText(`There is no site ${SCRIPT}.`).waitFor()
    assert.equal(await page.locator('img[src="x"]').count(), 0)
    assert.doesNotMatch(await page.title(), /^[12]$/)
    await page.context().close()
  })

  it('forbids what is inline, whoever puts it there', async () => {
    const {page} = await openPage(browser, {url: urlOf(''), width: 1440, theme: 'light'})
    const ran = await page.evaluate(`new Promise((resolve) => {
      window.ran = false
      const script = document.createElement('script')
      script.textContent = 'window.ran = true'
      document.body.append(script)
      setTimeout(() => resolve(window.ran), 100)
    })`)
    assert.equal(ran, false)
    await page.context().close()
  })

  it('changes as the gateway does, and says when it is gone and back', async () => {
    const {page} = await openPage(browser, {
      url: urlOf('tunnels/wan%20oslo%2Foslo-gw1%2Fwan%200'),
      width: 1440,
      theme: 'dark',
    })
    await logIn(page)
    const head = page.locator('.page-head')
    await head.getByText('up', {exact: true}).waitFor()
    status = {
      ...status,
      tunnels: status.tunnels.map((tunnel) => (tunnel.site === 'oslo' ? {...tunnel, up: false} : tunnel)),
    }
    await head.getByText('down', {exact: true}).waitFor({timeout: 5000})
    await api.close()
    await page.getByText('no answer').waitFor({timeout: 15_000})
    await start()
    await page.context().close()
  })

  it('is worked by keyboard alone', async () => {
    const {page} = await openPage(browser, {url: urlOf(''), width: 1440, theme: 'light'})
    await logIn(page)
    const focused = (): Promise<unknown> =>
      page.evaluate(`document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent`)
    await page.evaluate('document.activeElement.blur()')
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'Skip to content')
    await page.keyboard.press('Enter')
    assert.equal(await page.evaluate('document.activeElement.id'), 'content')
    await page.locator('[data-site="lisbon"]').focus()
    await page.keyboard.press('ArrowRight')
    assert.match(String(await focused()), /^oslo: all tunnels up/)
    await page.getByText('oslo all tunnels up').waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', {level: 1, name: 'oslo'}).waitFor()
    await page.goto(urlOf('policy'))
    await page.getByRole('button', {name: 'web to web'}).focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowRight')
    assert.match(String(await focused()), /^client to client/)
    await page.keyboard.press('Enter')
    await page.getByText('client → client').waitFor()
    await page.context().close()
  })

  it('keeps the theme that was chosen, against that of the system', async () => {
    const {page} = await openPage(browser, {url: urlOf(''), width: 1440, theme: 'light'})
    await logIn(page)
    const ground = (): Promise<unknown> =>
      page.evaluate('getComputedStyle(document.body.parentElement).backgroundColor')
    const light = await ground()
    await page.getByLabel('Theme').selectOption('dark')
    const dark = await ground()
    assert.notEqual(dark, light)
    await page.reload()
    await page.getByText('All tunnels over time').waitFor()
    assert.equal(await ground(), dark)
    // What is painted before the console itself has come: no flash of the other one.
    await page.route('**/assets/index-*.js', (route) => route.abort())
    await page.reload()
    assert.equal(await ground(), dark)
    await page.context().close()
  })

  it('shows 200 sites on a map and as a list', async () => {
    status = statusOfMany(200)
    for (const [theme, width] of [
      ['light', 1440],
      ['dark', 3840],
      ['light', 2560],
      ['light', 360],
    ] as const) {
      const {page} = await openPage(browser, {
        url: urlOf(''),
        width,
        height: width > 2000 ? Math.round(width * 0.5625) : 900,
        theme,
      })
      await logIn(page)
      await page.locator('[data-site]').nth(199).waitFor()
      await assertAccessible(page, `200 sites, ${theme}, ${width} px`)
      await assertFits(page, `200 sites, ${theme}, ${width} px`)
      await keepScreenshot(page, `overview-200-${theme}-${width}`)
      await page.getByRole('button', {name: 'List'}).click()
      await page.getByRole('link', {name: 'lisbon', exact: true}).waitFor()
      await page.context().close()
    }
  })
})
