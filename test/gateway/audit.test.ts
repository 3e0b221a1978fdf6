import assert from 'node:assert/strict'
import type {Audit, ConfigHistoryAnswer} from '../../src/api/index.ts'
import {createAudit} from '../../src/gateway/audit.ts'
import type {AuditLine, AuditLog} from '../../src/store/index.ts'
import {fakeView} from '../support/fake-view.ts'

const ALICE = {via: 'certificate', name: 'certificate CN=alice', address: '192.0.2.7'} as const

describe('audit', () => {
  let lines: AuditLine[]
  let history: ConfigHistoryAnswer
  let full: boolean
  let faults: unknown[]

  beforeEach(() => {
    ;[lines, full, faults] = [[], false, []]
    history = {versions: [{version: 1, at: '', how: 'found'}], inForce: 1, pending: null}
  })
  const log = (): AuditLog => ({
    newest: lines.at(-1) ?? null,
    append: async (line) => {
      if (full) throw new Error('ENOSPC')
      lines.push(JSON.parse(JSON.stringify(line)))
    },
    async *backwards() {
      yield* lines.toReversed()
    },
  })
  const start = () =>
    createAudit({
      log: log(),
      configuration: {
        control: {...fakeView().configuration, history: () => history, version: async (version) => `v: ${version}\n`},
      },
      wallIso: () => '2026-01-02T03:04:05.000Z',
      onError: (error) => faults.push(error),
    })
  const add = (how: string): void => {
    const version = history.versions.length + 1
    history = {...history, versions: [...history.versions, {version, at: '', how}], inForce: version}
  }
  const entries = async (audit: Audit) => (await audit.read(100, null)).entries

  it('names who, what, what came of it, and what is otherwise', async () => {
    const audit = start()
    const end = await audit.begin({caller: ALICE, what: 'POST /v1/drain'})
    assert.equal((await entries(audit))[0]?.result, null, 'not known yet')
    await end({result: 'ok', changed: 'drainingSince: null -> now'})
    await (await audit.begin({caller: ALICE, what: 'POST /v1/undrain'}))({result: 'internal', changed: null})
    assert.deepEqual(await entries(audit), [
      {
        ...{number: 2, at: '2026-01-02T03:04:05.000Z', via: 'certificate', who: 'certificate CN=alice'},
        ...{address: '192.0.2.7', what: 'POST /v1/undrain', result: 'internal', difference: null},
      },
      {
        ...{number: 1, at: '2026-01-02T03:04:05.000Z', via: 'certificate', who: 'certificate CN=alice'},
        ...{address: '192.0.2.7', what: 'POST /v1/drain', result: 'ok', difference: 'drainingSince: null -> now'},
      },
    ])
  })

  it('two texts are told by their difference, a long one is cut', async () => {
    const audit = start()
    const changed = {before: 'a: 1\n', after: 'a: 2\n'}
    await (await audit.begin({caller: ALICE, what: 'x'}))({result: 'ok', changed})
    await (await audit.begin({caller: ALICE, what: 'y'}))({result: 'ok', changed: 'z'.repeat(100_000)})
    const [long, short] = await entries(audit)
    assert.equal(short?.difference, '--- before\n+++ after\n@@ -1 +1 @@\n-a: 1\n+a: 2\n')
    assert.equal(long?.difference, `${'z'.repeat(65_536)}\n… 100000 characters in all`)
  })

  it('what cannot be written down is refused before, and told to the log of the daemon after', async () => {
    const audit = start()
    const end = await audit.begin({caller: ALICE, what: 'POST /v1/drain'})
    full = true
    await assert.rejects(audit.begin({caller: ALICE, what: 'POST /v1/undrain'}), /ENOSPC/)
    await end({result: 'ok', changed: null})
    assert.equal(faults.length, 1)
  })

  it('a file that was edited, and what came back by itself, are changes of their own', async () => {
    const audit = start()
    await audit.look()
    assert.deepEqual(await entries(audit), [])
    add('found')
    await audit.look()
    add('rolled back')
    await audit.look()
    await audit.look()
    assert.deepEqual(
      (await entries(audit)).map(({via, what, difference}) => [via, what, difference?.split('\n').slice(-3, -1)]),
      [
        ['timer', 'configuration version 3 rolled back', ['-v: 2', '+v: 3']],
        ['file', 'configuration version 2 found', ['-v: 1', '+v: 2']],
      ],
    )
  })

  it('on a full disk it is told once, and written down when there is room, once', async () => {
    const audit = start()
    add('found')
    full = true
    for (let index = 0; index < 5; index++) await audit.look()
    assert.deepEqual([faults.length, lines.length], [1, 0])
    full = false
    await Promise.all([audit.look(), audit.look(), audit.begin({caller: ALICE, what: 'POST /v1/drain'})])
    assert.deepEqual(
      (await entries(audit)).map(({what}) => what),
      ['POST /v1/drain', 'configuration version 2 found'],
    )
  })

  it('what somebody asked for is his, whenever it is looked', async () => {
    const audit = start()
    const end = await audit.begin({caller: ALICE, what: 'POST /v1/config/apply'})
    add('applied')
    await audit.look()
    await end({result: 'ok', changed: null})
    await audit.look()
    assert.deepEqual(
      (await entries(audit)).map(({what}) => what),
      ['POST /v1/config/apply'],
    )
  })

  it('a file that was edited while nobody ran is seen at the start; numbers go on', async () => {
    await (await start().begin({caller: ALICE, what: 'x'}))({result: 'ok', changed: null})
    add('found')
    const audit = start()
    await audit.look()
    assert.deepEqual(
      (await entries(audit)).map(({number, what}) => [number, what]),
      [
        [2, 'configuration version 2 found'],
        [1, 'x'],
      ],
    )
  })

  it('is read in pages', async () => {
    const audit = start()
    for (let index = 0; index < 7; index++)
      await (await audit.begin({caller: ALICE, what: 'x'}))({result: 'ok', changed: null})
    const first = await audit.read(3, null)
    assert.deepEqual([first.entries.map(({number}) => number), first.more], [[7, 6, 5], true])
    const last = await audit.read(10, 5)
    assert.deepEqual([last.entries.map(({number}) => number), last.more], [[4, 3, 2, 1], false])
    assert.ok(last.entries.every(({result}) => result === 'ok'))
  })
})
