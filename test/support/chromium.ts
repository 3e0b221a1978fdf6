import assert from 'node:assert/strict'
import {mkdirSync, readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import path from 'node:path'
import {type Browser, chromium, type Page} from 'playwright-core'

export const SCREENSHOTS = path.resolve(import.meta.dirname, '../../screenshots')
/** Debian's; a browser of Playwright's own is never fetched. */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const launch = (): Promise<Browser> => chromium.launch({executablePath: CHROMIUM, args: FLAGS})

export interface Watched {
  readonly page: Page
  /** What the page should not have done: errors, complaints of its content policy, addresses of elsewhere. */
  readonly wrong: string[]
}

export interface Look {
  readonly url: string
  readonly width: number
  readonly height?: number
  readonly theme: 'light' | 'dark'
}

/** A page of a browser that knows nothing yet, which is watched from its first request. */
export async function openPage(browser: Browser, {url, width, height = 900, theme}: Look): Promise<Watched> {
  const context = await browser.newContext({
    ...{viewport: {width, height}, colorScheme: theme, ignoreHTTPSErrors: true, reducedMotion: 'reduce'},
  })
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin)) wrong.push(`asks ${request.url()}`)
  })
  await page.goto(url)
  return {page, wrong}
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string
    readonly help: string
    readonly nodes: readonly {readonly html: string}[]
  }[]
}

/** By axe-core, put in from outside: the page's own policy for content stays in force. */
export async function assertAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(AXE)
  const {violations} = (await page.evaluate('axe.run()')) as AxeResults
  const told = violations.map(({id, help, nodes}) => `${id}: ${help}: ${nodes[0]?.html.slice(0, 200)}`)
  assert.deepEqual(told, [], what)
}

export async function assertFits(page: Page, what: string): Promise<void> {
  const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
  assert.ok(Number(over) <= 0, `${what} is ${over} px wider than the window`)
}

export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, {recursive: true})
  await page.screenshot({path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true})
}
