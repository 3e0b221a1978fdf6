import assert from 'node:assert/strict'
import {chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {freshPlan} from '../../../src/cli/consistency/fresh-plan.ts'
import {waysOf} from '../../../src/cli/consistency/ways.ts'
import type {ActualNft, Carrier, Snapshot} from '../../../src/model/index.ts'
import {createKeyStore, saveLastKnown, writeCarriers, writePathMtus} from '../../../src/store/index.ts'
import {rawRecord} from '../../support/records.ts'
import {configOf, EXPORT, site} from '../../support/sites.ts'

const NO_KERNEL = {nft: null, devices: new Map(), mtus: new Map(), carriers: new Map()}
const EMPTY: Snapshot = {site: site('b'), source: 'export', datastore: null, clusterId: '1', revision: 7, records: []}

describe('a plan made beside the daemon', () => {
  let state = ''
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), 'isthmus-fresh-plan-'))
  })
  afterEach(() => rmSync(state, {recursive: true}))

  /** Every file with its mode and what it holds. */
  const filesNow = (): readonly string[] =>
    readdirSync(state, {recursive: true, encoding: 'utf8'})
      .sort()
      .map((name) => {
        const {mode} = statSync(join(state, name))
        return `${name} ${mode.toString(8)} ${statSync(join(state, name)).isFile() ? readFileSync(join(state, name), 'utf8') : ''}`
      })

  it('changes nothing of what the daemon keeps, however damaged it is', async () => {
    await saveLastKnown(state, 'export/b', EMPTY, 'good')
    await writeCarriers(state, {carriers: new Map(), asked: new Set()})
    await writePathMtus(state, new Map())
    const {store} = await createKeyStore(state)
    await store.make(['is-c'])
    chmodSync(store.known().get('is-c')!.keyFile, 0o644)
    for (const name of ['known/export-b.good.jsonl', 'tunnels.json', 'path-mtu.json']) {
      writeFileSync(join(state, name), '{')
    }
    const before = filesNow()
    const config = configOf()
    await freshPlan({...config, paths: {...config.paths, state}}, new Map([['export/b', EMPTY]]), NO_KERNEL)
    assert.deepEqual(filesNow(), before)
  })

  it('knows of a way that is still the WAN’s own while a tunnel is to follow it', async () => {
    const none: Carrier = {slot: 0, serial: 0, encapsulation: 'none', phase: 'open'}
    await writeCarriers(state, {carriers: new Map([['a/a1/wan b/b1/wan', [none]]]), asked: new Set()})
    const config = configOf()
    const uplink = {name: 'wan', address: '192.0.2.2', public: null, inner: ['100.64.0.2', '100.64.0.3']}
    const records = [
      rawRecord(`${EXPORT}meta`, {schema: 1, site: 'b', generation: 1}),
      rawRecord(`${EXPORT}site`, {as: 4200000002, prefixes: ['10.2.0.0/16'], infrastructure: []}),
      rawRecord(`${EXPORT}gateways/b1`, {uplinks: [uplink], tunnels: {}}),
    ]
    const plan = await freshPlan(
      {...config, paths: {...config.paths, state}},
      new Map([['export/b', {...EMPTY, records}]]),
      {...NO_KERNEL, carriers: new Map([['192.0.2.1', 'wan0']])},
    )
    const ways = waysOf(config, plan.desired.tunnels, plan.native, plan.uplinkDevices)
    assert.deepEqual(ways.find(({site: of}) => of === 'b')?.devices, ['wan0'])
  })

  it('has a fast path where the daemon has one, which only its process knows, and where it is wanted', async () => {
    const table = (chains: readonly string[]): ActualNft => ({
      ...{counters: [], sets: new Map()},
      chains: new Map(chains.map((name) => [name, {name, hook: null, rules: []}])),
    })
    for (const [chains, wanted, expected] of [
      [['remembered'], true, true],
      [[], true, false],
      [['remembered'], false, false],
    ] as const) {
      const config = {...configOf({fastPath: wanted}), paths: {...configOf().paths, state}}
      const {desired} = await freshPlan(config, new Map(), {...NO_KERNEL, nft: table(chains)})
      assert.equal(desired.nft.chains.has('remembered'), expected)
    }
  })
})
