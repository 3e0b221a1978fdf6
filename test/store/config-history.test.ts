import assert from 'node:assert/strict'
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {
  addConfigVersion,
  type ConfigHistory,
  leftToConfirmMs,
  loadConfigHistory,
  presentMoment,
  readConfigVersion,
  saveConfigHistory,
} from '../../src/store/index.ts'

const NONE: ConfigHistory = {versions: [], pending: null}

describe('history of the configuration', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-history-'))
  })
  afterEach(() => rmSync(folder, {recursive: true}))
  const index = (): string => join(folder, 'config', 'index.json')

  it('is none at first, and comes again as it was written', async () => {
    assert.deepEqual(await loadConfigHistory(folder), {history: NONE, findings: []})
    const one = await addConfigVersion(folder, NONE, 'a: 1\n', 'found')
    const two = await addConfigVersion(folder, one, 'a: 2\n', 'applied')
    const pending = {version: 2, previous: 1, since: await presentMoment(), withinMs: 60_000}
    const saved = await saveConfigHistory(folder, {...two, pending})
    assert.deepEqual(await loadConfigHistory(folder), {history: saved, findings: []})
    assert.deepEqual(
      saved.versions.map(({version, how}) => [version, how]),
      [
        [1, 'found'],
        [2, 'applied'],
      ],
    )
    assert.deepEqual([await readConfigVersion(folder, 1), await readConfigVersion(folder, 3)], ['a: 1\n', null])
  })

  it('keeps the last fifty, under numbers that go on', async () => {
    let history = NONE
    for (let n = 1; n <= 53; n++) history = await addConfigVersion(folder, history, `n: ${n}\n`, 'applied')
    assert.deepEqual([history.versions.length, history.versions[0]?.version], [50, 4])
    assert.equal(await readConfigVersion(folder, 3), null)
    assert.equal(readdirSync(join(folder, 'config')).length, 51)
  })

  it('tells how long is left by the time that has passed, not by the clock on the wall', async () => {
    const now = await presentMoment()
    const half = {version: 2, previous: 1, since: {...now, upMs: now.upMs - 30_000, wallMs: 0}, withinMs: 60_000}
    const left = await leftToConfirmMs(half)
    assert.ok(left > 28_000 && left <= 30_000, `${left}`)
    const rebooted = {...half, since: {bootId: 'another', upMs: 0, wallMs: Date.now() - 50_000}}
    const after = await leftToConfirmMs(rebooted)
    assert.ok(after > 8000 && after <= 10_000, `${after}`)
    const clockWentBack = {...half, since: {bootId: 'another', upMs: 0, wallMs: Date.now() + 1e9}}
    assert.equal(await leftToConfirmMs(clockWentBack), 60_000)
  })

  for (const text of [
    '',
    '[]',
    '{"schema":2}',
    '{"schema":1,"versions":[7],"pending":null}',
    '{"schema":1,"versions":[]}',
  ]) {
    it(`that is ${text || 'empty'} is set aside`, async () => {
      await addConfigVersion(folder, NONE, 'a: 1\n', 'found')
      writeFileSync(index(), text)
      const {history, findings} = await loadConfigHistory(folder)
      assert.deepEqual(
        [history.versions.map(({version}) => version), history.pending, findings.map(({code}) => code)],
        [[1], null, ['state-unreadable']],
      )
      assert.deepEqual([existsSync(index()), readFileSync(`${index()}.damaged`, 'utf8')], [false, text])
    })
  }

  for (const [what, lose] of [
    ['damaged', () => writeFileSync(index(), '{')],
    ['lost', () => rmSync(index())],
  ] as const) {
    it(`whose list is ${what} has its versions all the same, and writes over none of them`, async () => {
      let written = NONE
      for (const text of ['a: 1\n', 'a: 2\n', 'a: 3\n'])
        written = await addConfigVersion(folder, written, text, 'applied')
      lose()
      const {history} = await loadConfigHistory(folder)
      const next = await addConfigVersion(folder, history, 'a: 4\n', 'found')
      assert.deepEqual(
        next.versions.map(({version}) => version),
        [1, 2, 3, 4],
      )
      for (const {version} of next.versions) {
        assert.equal(await readConfigVersion(folder, version), `a: ${version}\n`)
      }
    })
  }
})
