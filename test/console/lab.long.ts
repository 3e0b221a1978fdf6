import assert from 'node:assert/strict'
import path from 'node:path'
import type {Browser, Page} from 'playwright-core'
import {waitUntilJoined} from '../../lab/joined.ts'
import {until} from '../../lab/processes.ts'
import {loadScenario} from '../../lab/scenario/load.ts'
import {startWorld, type World} from '../../lab/world.ts'
import {assertAccessible, assertFits, keepScreenshot, launch, openPage} from '../support/chromium.ts'
import {openDoor} from '../support/socket-door.ts'

const SCENARIO = path.resolve(import.meta.dirname, '../../lab/scenarios/three-sites-direct.yaml')

/** Of the verdicts that the scenario's own steps see on the wire, as the matrix has to say them. */
const POLICY = [
  {from: '10.1.0.5', to: '10.2.0.6', port: 5432, verdict: 'allowed'},
  {from: '10.1.0.6', to: '10.2.0.6', port: 5432, verdict: 'denied'},
]

describe('console of a gateway in the lab', function () {
  this.timeout(180_000)
  let world: World
  let door: Awaited<ReturnType<typeof openDoor>>
  let browser: Browser

  before(async () => {
    const {scenario, dir} = loadScenario(SCENARIO)
    world = await startWorld(scenario, dir, () => undefined)
    await waitUntilJoined(world)
    door = await openDoor(path.join(world.dirOf('a1'), 'api.sock'))
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await door?.close()
    await world?.stop()
  })

  const open = async (hash: string, width = 1440, theme: 'light' | 'dark' = 'light'): Promise<Page> => {
    const {page} = await openPage(browser, {url: `${door.url}/#/${hash}`, width, theme})
    await page.getByRole('heading', {level: 1}).waitFor()
    return page
  }
  const end = (page: Page): Promise<void> => page.context().close()

  it('has the three sites, tunnels that are up, and traffic over time', async () => {
    // Three samples and more are on their way.
    await new Promise((resolve) => setTimeout(resolve, 16_000))
    for (const [width, theme] of [
      [1440, 'light'],
      [1440, 'dark'],
      [360, 'light'],
      [360, 'dark'],
    ] as const) {
      const page = await open('', width, theme)
      await page.getByRole('link', {name: /^b: all tunnels up/}).waitFor()
      await page.getByRole('link', {name: /^c: all tunnels up/}).waitFor()
      const round = page.getByRole('img', {name: /^Round trip/})
      await round.waitFor()
      assert.match((await round.getAttribute('aria-label'))!, /mean: now [\d.]+.ms/)
      await assertAccessible(page, `lab, ${theme}, ${width} px`)
      await assertFits(page, `lab, ${theme}, ${width} px`)
      await keepScreenshot(page, `lab-overview-${theme}-${width}`)
      await end(page)
    }
  })

  it('finds endpoints by name, by label and by selector', async () => {
    const page = await open('endpoints')
    for (const [field, text, address] of [
      ['Address, name or label', 'p2', '10.2.0.6'],
      ['Address, name or label', 'app=db', '10.1.0.6'],
      ['Selector', "app == 'web' && isthmus.io/site == 'b'", '10.2.0.5'],
    ] as const) {
      await page.getByLabel('Address, name or label').fill('')
      await page.getByLabel('Selector').fill('')
      await page.getByLabel(field).fill(text)
      await page.locator('.endpoint-address', {hasText: address}).waitFor()
      // It is asked a moment after the last letter.
      await page.locator('.endpoint-address', {hasText: '10.1.0.5'}).waitFor({state: 'detached'})
    }
    await keepScreenshot(page, 'lab-endpoints')
    await end(page)
  })

  it('shows who may talk by label, and why: the rules that really decide', async () => {
    const page = await open('policy?by=app')
    const cell = page.getByRole('button', {name: /^web to db: /})
    await cell.waitFor()
    await cell.click()
    await page
      .getByText(/Passes: /)
      .first()
      .waitFor()
    await page.getByRole('button', {name: 'Show the rules'}).first().click()
    await page.getByText('Global policy on the way in').first().waitFor()
    await assertAccessible(page, 'matrix of the lab')
    await keepScreenshot(page, 'lab-policy')
    await end(page)
  })

  for (const {from, to, port, verdict} of POLICY) {
    it(`traces ${from} to ${to}, which is ${verdict}`, async () => {
      const page = await open('trace')
      await page.getByLabel('From').fill(from)
      await page.getByLabel('To', {exact: true}).fill(to)
      await page.getByLabel('Port', {exact: true}).fill(String(port))
      await page.getByRole('button', {name: 'Trace'}).click()
      await page.locator('.trace-verdict').getByText(verdict).waitFor()
      assert.equal(await page.locator('.station').count(), 4)
      await keepScreenshot(page, `lab-trace-${verdict}`)
      await end(page)
    })
  }

  it('says what an edited policy would change, and that one in force changes nothing', async () => {
    const page = await open('what-if')
    const choice = page.getByLabel('Begin with')
    await choice.locator('option').nth(1).waitFor({state: 'attached'})
    const name = await choice.locator('option').nth(1).textContent()
    await choice.selectOption(name!)
    const editor = page.getByLabel('Documents, as for isthmus apply')
    await until('its text', async () => ((await editor.inputValue()).includes(`name: ${name}`) ? true : null), 10_000)
    await page.getByRole('button', {name: 'Compare'}).click()
    await page.getByText('No flow would be judged otherwise.').waitFor()
    await page.getByLabel('And without').selectOption(name!)
    await editor.fill('')
    await page.getByRole('button', {name: 'Compare'}).click()
    await page.locator('.way').first().waitFor()
    await keepScreenshot(page, 'lab-what-if')
    await end(page)
  })

  it('tells of a tunnel that is lost as it is lost', async () => {
    const page = await open('changes')
    await world.signal('b/b1', 'bird', 'SIGKILL')
    await page.getByText('tunnel is down').waitFor({timeout: 30_000})
    await keepScreenshot(page, 'lab-changes')
    await page.goto(`${door.url}/#/sites/b`)
    await page.locator('.page-head').getByText('cut off').waitFor()
    await end(page)
  })
})
