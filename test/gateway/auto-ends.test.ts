import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {decodeRecord} from '../../src/decode/index.ts'
import {siteRecords} from '../../src/export/index.ts'
import {type CarrierKeeping, createCarriers} from '../../src/gateway/carriers.ts'
import type {Carriers, GatewayConfig, GatewayRecord, SiteName, SiteView} from '../../src/model/index.ts'
import {type PlannedTunnels, planTunnels} from '../../src/tunnels/index.ts'
import {configOf, type Sketch, viewOf} from '../support/interconnect.ts'

const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'auto'},
}
type Name = 'a' | 'b'
const otherOf = (name: Name): Name => (name === 'a' ? 'b' : 'a')

/** A gateway as far as its tunnels go: what it keeps, plans and exports; the kernel and the path are this test's. */
interface Gateway {
  readonly config: GatewayConfig
  readonly state: string
  keeping: CarrierKeeping
  carriers: Carriers
  plan: PlannedTunnels | null
  exported: string | null
}

describe('two gateways that choose, from nothing, by what their exports say', () => {
  let gateways: Record<Name, Gateway>
  let nowMs: number
  /** IP protocol 4 passes. */
  let passes: boolean
  const rows = new Map<string, {passedInRow: number; lostInRow: number}>()

  const open = (name: Name): Promise<CarrierKeeping> =>
    createCarriers({
      ...{
        config: gateways[name].config,
        keys: () => new Map(),
        isUp: () => true,
        nowMs: () => nowMs,
        wallMs: () => nowMs,
      },
      last: () => {
        const {plan, carriers} = gateways[name]
        return plan && ({planned: {desired: plan, trials: plan.trials, carriers}, dirty: false} as never)
      },
      readings: () => new Map([...rows].map(([device, small]) => [device, {small}])),
      ...{trigger: () => undefined, onError: (error: unknown) => assert.fail(String(error))},
    })

  beforeEach(async () => {
    nowMs = 0
    passes = true
    rows.clear()
    const made = (name: Name): Gateway => {
      const state = mkdtempSync(join(tmpdir(), 'isthmus-auto-'))
      const config = {...configOf(SKETCH, name), paths: {...configOf(SKETCH, name).paths, state}}
      return {config, state, keeping: null as never, carriers: new Map(), plan: null, exported: null}
    }
    gateways = {a: made('a'), b: made('b')}
    for (const name of ['a', 'b'] as const) gateways[name].keeping = await open(name)
  })
  afterEach(() => {
    for (const {state} of Object.values(gateways)) rmSync(state, {recursive: true})
  })

  function heard(name: Name): ReadonlyMap<SiteName, SiteView> {
    const other = otherOf(name) as SiteName
    const text = gateways[otherOf(name)].exported
    const key = `/isthmus/v1/export/gateways/${other}1`
    const value = new TextEncoder().encode(text ?? '{}')
    const decoded = decodeRecord({key, value, modRevision: 1}, `export ${other}`)
    const entry = decoded.type === 'export' ? decoded.entry : null
    const offers: GatewayRecord['tunnels'] = entry?.kind === 'gateway' ? entry.gateway.tunnels : new Map()
    return new Map([[other, viewOf(SKETCH, other, offers)]])
  }

  async function second(): Promise<void> {
    nowMs += 1000
    for (const name of ['a', 'b'] as const) {
      const own = gateways[name]
      const sites = heard(name)
      own.carriers = await own.keeping.next(sites)
      own.plan = planTunnels({config: own.config, sites, keys: new Map(), carriers: own.carriers})
      const records = siteRecords({sites: new Map(), documents: new Map()}, own.config, {tunnels: own.plan.offers})
      own.exported = records.get(`/isthmus/v1/export/gateways/${name}1`)!
      for (const {device, encapsulation} of [...own.plan.tunnels, ...own.plan.trials]) {
        const {passedInRow = 0, lostInRow = 0} = rows.get(device) ?? {}
        const isLost = encapsulation === 'ipip' && !passes
        rows.set(
          device,
          isLost ? {passedInRow: 0, lostInRow: lostInRow + 1} : {passedInRow: passedInRow + 1, lostInRow: 0},
        )
      }
    }
  }
  const seconds = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at++) await second()
  }
  const sent = (): (string | undefined)[] =>
    Object.values(gateways).map(({plan}) => plan?.tunnels.map(({encapsulation}) => encapsulation).join())

  it('a tunnel at once, in UDP; protocol 4 when it has passed; in UDP again when it does not', async () => {
    await seconds(3)
    assert.deepEqual(sent(), ['fou', 'fou'])
    await seconds(20)
    assert.deepEqual(sent(), ['ipip', 'ipip'])
    passes = false
    await seconds(15)
    assert.deepEqual(sent(), ['fou', 'fou'])
    const devices = gateways.a.plan!.tunnels.map(({device}) => device)
    passes = true
    await seconds(300)
    assert.deepEqual(sent(), ['fou', 'fou'])
    assert.deepEqual(
      gateways.a.plan!.tunnels.map(({device}) => device),
      devices,
    )
    assert.deepEqual(gateways.a.keeping.forms.seen(gateways.a.plan!.tunnels[0]!), {ipip: true, fou: true})
  })

  it('a daemon that is restarted goes on with what it had', async () => {
    await seconds(25)
    gateways.b.keeping = await open('b')
    await seconds(1)
    assert.deepEqual(sent(), ['ipip', 'ipip'])
  })
})
