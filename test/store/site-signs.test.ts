import assert from 'node:assert/strict'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {loadSiteSigns, saveSiteSigns} from '../../src/store/index.ts'

const DAY = 86_400_000

describe('ages of remote sites', () => {
  let dir = ''
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-signs-'))
  })
  afterEach(() => rmSync(dir, {recursive: true}))
  const file = (): string => join(dir, 'known', 'sites.json')
  const change = (edit: (at: {bootId: string; upMs: number; wallMs: number}) => object): void => {
    const content = JSON.parse(readFileSync(file(), 'utf8'))
    writeFileSync(file(), JSON.stringify({...content, at: {...content.at, ...edit(content.at)}}))
  }
  const silent = async (): Promise<number | undefined> => (await loadSiteSigns(dir)).sites.get('b')?.silentMs

  it('grow while nobody runs', async () => {
    assert.deepEqual(await loadSiteSigns(dir), {sites: new Map(), findings: []})
    await saveSiteSigns(dir, new Map([['b', {silentMs: 1000, cutMs: 2000, state: 'stale', withdrawnMs: null}]]))
    change(({upMs}) => ({upMs: upMs - 5000}))
    const {sites} = await loadSiteSigns(dir)
    const {silentMs, cutMs, state} = sites.get('b')!
    assert.ok(silentMs >= 6000 && silentMs < 16_000, String(silentMs))
    assert.equal(cutMs - silentMs, 1000)
    assert.equal(state, 'stale')
  })

  it('of a lost site also how long it has been lost; files that do not say so are read', async () => {
    const times = {silentMs: 1000, cutMs: 2000}
    const sites = new Map([
      ['b', {...times, state: 'withdrawn', withdrawnMs: 500}],
      ['c', {...times, state: 'stale', withdrawnMs: null}],
    ])
    await saveSiteSigns(dir, sites)
    change(({upMs}) => ({upMs: upMs - 5000}))
    const aged = (await loadSiteSigns(dir)).sites
    assert.ok(aged.get('b')!.withdrawnMs! >= 5500)
    assert.equal(aged.get('c')!.withdrawnMs, null)
    writeFileSync(file(), readFileSync(file(), 'utf8').replaceAll(/,"withdrawnMs":\w+/g, ''))
    assert.equal((await loadSiteSigns(dir)).sites.get('b')!.withdrawnMs, null)
  })

  it('are not moved by a clock that is set, as long as the machine runs', async () => {
    await saveSiteSigns(dir, new Map([['b', {silentMs: 1000, cutMs: 0, state: 'fresh', withdrawnMs: null}]]))
    for (const by of [-DAY, DAY]) {
      change(({wallMs}) => ({wallMs: wallMs + by}))
      assert.ok((await silent())! < 10_000, String(by))
    }
  })

  it('go by the clock after a reboot; one that is behind counts as no time', async () => {
    await saveSiteSigns(dir, new Map([['b', {silentMs: 1000, cutMs: 0, state: 'fresh', withdrawnMs: null}]]))
    change(({wallMs}) => ({bootId: 'another', wallMs: wallMs - DAY}))
    assert.ok((await silent())! >= DAY)
    change(({wallMs}) => ({wallMs: wallMs + 3 * DAY}))
    assert.equal(await silent(), 1000)
  })

  for (const [what, text] of [
    ['no JSON', '{'],
    ['of another version', '{"version":2,"at":{"bootId":"x","upMs":1,"wallMs":1},"sites":{}}'],
    [
      'with a site that is none',
      '{"version":1,"at":{"bootId":"x","upMs":1,"wallMs":1},"sites":{"b":{"silentMs":"1"}}}',
    ],
  ] as const) {
    it(`${what}: a finding, and no ages`, async () => {
      await saveSiteSigns(dir, new Map())
      writeFileSync(file(), text)
      const {sites, findings} = await loadSiteSigns(dir)
      assert.equal(sites.size, 0)
      assert.deepEqual(
        findings.map(({code}) => code),
        ['state-unreadable'],
      )
    })
  }
})
