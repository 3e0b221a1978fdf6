import assert from 'node:assert/strict'
import {chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pino} from 'pino'
import {ConfigRefused, type Configuration, openConfiguration} from '../../src/gateway/configuration.ts'
import {loadConfigHistory, saveConfigHistory} from '../../src/store/index.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {createSmallDisk} from '../support/small-disk.ts'

describe('configuration', () => {
  let folder: string
  let file: string
  /** What was put in force, by its default. */
  let put: string[]
  let failPut: boolean
  let nowMs: number
  let turned: () => void
  let sleeping: (() => void) | null
  let stopping: AbortController

  /** `default` tells them apart. */
  const text = (word: 'deny' | 'allow', more = ''): string =>
    `${gatewayYaml(['http://127.0.0.1:1']).replace('default: deny', `default: ${word}`)}paths: {state: ${folder}/state}\n${more}`
  const clock = {
    nowMs: () => nowMs,
    sleep: (_ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        sleeping = resolve
        signal.addEventListener('abort', () => resolve(), {once: true})
        turned()
      }),
  }
  const open = (): Promise<Configuration> =>
    openConfiguration({
      ...{file, clock, log: pino({level: 'silent'})},
      put: async (config) => {
        if (failPut) throw new Error('no kernel')
        put.push(config.default)
      },
    })
  const follow = async (configuration: Configuration): Promise<void> => {
    await new Promise<void>((resolve) => {
      turned = resolve
      void configuration.follow(stopping.signal)
    })
  }
  /** One look of `follow`, after so long. */
  const pass = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      turned = resolve
      nowMs += ms
      sleeping?.()
    })
  const inFile = (): string => readFileSync(file, 'utf8')
  const codes = (configuration: Configuration): string[] => configuration.findings().map(({code}) => code)
  const versions = async (): Promise<unknown> =>
    (await loadConfigHistory(join(folder, 'state'))).history.versions.map(({version, how}) => `${version} ${how}`)

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-configuration-'))
    file = join(folder, 'gateway.yaml')
    writeFileSync(file, text('deny'))
    ;[put, failPut, nowMs, sleeping, stopping] = [[], false, 0, null, new AbortController()]
    turned = () => undefined
  })
  afterEach(() => {
    stopping.abort()
    rmSync(folder, {recursive: true})
  })

  it('is applied whole: in force, in the file with its mode, and in the history with the one before', async () => {
    chmodSync(file, 0o640)
    const configuration = await open()
    assert.equal(configuration.config.default, 'deny')
    const answer = await configuration.control.apply(text('allow'), null)
    assert.deepEqual(answer, {ok: true, version: 2, unchanged: false, pending: null, findings: []})
    assert.deepEqual([put, inFile(), statSync(file).mode & 0o777], [['allow'], text('allow'), 0o640])
    assert.deepEqual(await versions(), ['1 found', '2 applied'])
    assert.equal(await configuration.control.version(1), text('deny'))
    assert.deepEqual(await configuration.control.apply(text('allow'), null), {...answer, unchanged: true})
    assert.deepEqual([put, configuration.control.inForce()], [['allow'], {version: 2, text: text('allow')}])
  })

  it('goes to where a link leads, which stays one', async () => {
    const real = join(folder, 'real.yaml')
    writeFileSync(real, inFile())
    rmSync(file)
    symlinkSync(real, file)
    await (await open()).control.apply(text('allow'), null)
    assert.equal(readFileSync(real, 'utf8'), text('allow'))
    assert.equal(statSync(file).ino, statSync(real).ino)
  })

  it('that is wrong changes nothing, and each fault is told', async () => {
    const configuration = await open()
    const answer = await configuration.control.apply('version: 1\nsite: A!\n', 60)
    assert.ok(!answer.ok && answer.code === 'config-refused' && answer.findings.length > 3, JSON.stringify(answer))
    assert.deepEqual([put, inFile(), await versions(), codes(configuration)], [[], text('deny'), ['1 found'], []])
  })

  it('with another folder for its state needs a restart', async () => {
    const configuration = await open()
    const answer = await configuration.control.apply(text('allow').replace('/state}', '/other}'), null)
    assert.ok(!answer.ok && answer.code === 'needs-restart')
    assert.deepEqual([put, inFile()], [[], text('deny')])
  })

  it('that cannot be put in force leaves file, history and what was in force', async () => {
    const configuration = await open()
    failPut = true
    const answer = await configuration.control.apply(text('allow'), 60)
    assert.ok(!answer.ok && answer.code === 'config-unwritable' && answer.message.includes('no kernel'))
    assert.deepEqual([inFile(), await versions(), codes(configuration)], [text('deny'), ['1 found'], []])
    assert.equal(configuration.control.history().pending, null)
  })

  it('whose file cannot be written is not put in force', async () => {
    const configuration = await open()
    rmSync(file)
    const answer = await configuration.control.apply(text('allow'), null)
    assert.ok(!answer.ok && answer.code === 'config-unwritable')
    assert.deepEqual(put, [])
  })

  it('that nobody confirms is undone when its time is over, and that is told until the next change', async () => {
    const configuration = await open()
    await follow(configuration)
    const answer = await configuration.control.apply(text('allow'), 60)
    assert.deepEqual(answer.ok && answer.pending, {version: 2, previous: 1, leftSeconds: 60})
    await pass(59_000)
    assert.deepEqual([put, codes(configuration)], [['allow'], ['config-unconfirmed']])
    await pass(1000)
    assert.deepEqual([put, inFile(), codes(configuration)], [['allow', 'deny'], text('deny'), ['config-rolled-back']])
    assert.deepEqual(await versions(), ['1 found', '2 applied', '3 rolled back'])
    await pass(120_000)
    assert.deepEqual(put, ['allow', 'deny'])
    await configuration.control.apply(text('allow'), null)
    assert.deepEqual(codes(configuration), [])
  })

  it('that is confirmed stays', async () => {
    const configuration = await open()
    await follow(configuration)
    await configuration.control.apply(text('allow'), 60)
    await pass(30_000)
    assert.deepEqual(await configuration.control.confirm(), {
      ...{ok: true, version: 2, unchanged: true, pending: null, findings: []},
    })
    await pass(60_000)
    assert.deepEqual([put, inFile(), codes(configuration)], [['allow'], text('allow'), []])
    const again = await configuration.control.confirm()
    assert.ok(!again.ok && again.code === 'nothing-pending')
  })

  it('is not changed again before it is confirmed', async () => {
    const configuration = await open()
    await configuration.control.apply(text('allow'), 60)
    const answer = await configuration.control.apply(text('deny', '# again\n'), null)
    assert.ok(!answer.ok && answer.code === 'change-pending')
    assert.deepEqual(put, ['allow'])
  })

  it('of a version that is no longer in force is not made, of two at once one is', async () => {
    const configuration = await open()
    const both = await Promise.all([
      configuration.control.apply(text('allow'), null, 1),
      configuration.control.apply(text('deny', '# another\n'), null, 1),
    ])
    assert.deepEqual(
      both.map((answer) => (answer.ok ? answer.version : answer.code)),
      [2, 'version-changed'],
    )
    assert.deepEqual([put, inFile()], [['allow'], text('allow')])
    const late = await configuration.control.rollback(null, 1)
    assert.ok(!late.ok && late.code === 'version-changed')
    assert.ok((await configuration.control.rollback(null, 2)).ok)
  })

  it('is rolled back to the one before, at once where it waits, and to any version', async () => {
    const configuration = await open()
    await configuration.control.apply(text('allow'), 60)
    assert.deepEqual(await configuration.control.rollback(null), {
      ...{ok: true, version: 3, unchanged: false, pending: null, findings: []},
    })
    assert.deepEqual([put, inFile(), codes(configuration)], [['allow', 'deny'], text('deny'), []])
    await configuration.control.rollback(2)
    assert.deepEqual(
      [put.at(-1), await versions()],
      ['allow', ['1 found', '2 applied', '3 rolled back', '4 rolled back']],
    )
    const none = await configuration.control.rollback(9)
    assert.ok(!none.ok && none.code === 'no-such-version')
  })

  it('that undid itself does not come back by a rollback that came too late', async () => {
    const configuration = await open()
    await follow(configuration)
    await configuration.control.apply(text('allow'), 60)
    await pass(60_000)
    assert.deepEqual(put, ['allow', 'deny'])
    const late = await configuration.control.rollback(null)
    assert.ok(!late.ok && late.code === 'no-such-version', JSON.stringify(late))
    assert.deepEqual([put, inFile()], [['allow', 'deny'], text('deny')])
  })

  it('is rolled back one by one: what was undone is not the one before', async () => {
    const configuration = await open()
    const marked = (number: number): string => text('deny', `# ${number}\n`)
    for (const number of [2, 3, 4]) await configuration.control.apply(marked(number), null)
    const steps: string[] = []
    for (let step = 0; step < 4; step++) {
      const answer = await configuration.control.rollback(null)
      steps.push(answer.ok ? inFile() : answer.code)
    }
    assert.deepEqual(steps, [marked(3), marked(2), text('deny'), 'no-such-version'])
    // Forward again by its number, and back from there.
    await configuration.control.rollback(4)
    assert.equal(inFile(), marked(4))
    await configuration.control.rollback(null)
    assert.equal(inFile(), text('deny'))
  })

  it('is undone by a start after its time, and goes on waiting after a start within it', async () => {
    await (await open()).control.apply(text('allow'), 60)
    const within = await open()
    assert.equal(within.config.default, 'allow')
    const {pending} = within.control.history()
    assert.ok(pending && pending.leftSeconds > 50 && pending.leftSeconds <= 60)
    const state = join(folder, 'state')
    const {history} = await loadConfigHistory(state)
    const since = {...history.pending!.since, upMs: history.pending!.since.upMs - 61_000}
    await saveConfigHistory(state, {...history, pending: {...history.pending!, since}})
    const late = await open()
    assert.deepEqual([late.config.default, inFile(), codes(late)], ['deny', text('deny'), ['config-rolled-back']])
    assert.deepEqual(
      [await versions(), late.control.history().pending],
      [['1 found', '2 applied', '3 rolled back'], null],
    )
  })

  it('is undone by a start on a full disk too, and in the file when there is room', async () => {
    const disk = createSmallDisk(join(folder, 'disk'))
    try {
      file = join(disk.folder, 'gateway.yaml')
      writeFileSync(file, text('deny'))
      await (await open()).control.apply(text('allow'), 60)
      const state = join(folder, 'state')
      const {history} = await loadConfigHistory(state)
      const since = {...history.pending!.since, upMs: history.pending!.since.upMs - 61_000}
      await saveConfigHistory(state, {...history, pending: {...history.pending!, since}})
      disk.fill()
      const late = await open()
      assert.deepEqual([late.config.default, inFile()], ['deny', text('allow')])
      await follow(late)
      await pass(1000)
      assert.equal(inFile(), text('allow'))
      disk.free()
      await pass(5000)
      assert.equal(inFile(), text('allow'), 'not at once again')
      await pass(5000)
      assert.deepEqual(
        [inFile(), codes(late), late.control.history().pending],
        [text('deny'), ['config-rolled-back'], null],
      )
    } finally {
      disk.remove()
    }
  })

  it('is put back once, and said to be, where its history cannot be kept', async () => {
    const disk = createSmallDisk(join(folder, 'state'))
    try {
      const configuration = await open()
      await follow(configuration)
      await configuration.control.apply(text('allow'), 60)
      disk.fill()
      await pass(60_000)
      assert.deepEqual([put, inFile()], [['allow', 'deny'], text('deny')])
      assert.deepEqual([codes(configuration), configuration.control.history().pending], [['config-rolled-back'], null])
      for (let look = 0; look < 3; look++) await pass(10_000)
      assert.deepEqual(put, ['allow', 'deny'], 'and no gateway begins anew for want of room')
      disk.free()
      const answer = await configuration.control.apply(text('allow', '# again\n'), 60)
      assert.ok(answer.ok, JSON.stringify(answer))
      disk.fill()
      const back = await configuration.control.rollback(null)
      assert.ok(back.ok, JSON.stringify(back))
      assert.deepEqual([put.at(-1), inFile()], ['deny', text('deny')])
    } finally {
      disk.remove()
    }
  })

  it('that was edited while the disk was full is what an unconfirmed one gives way to', async () => {
    const disk = createSmallDisk(join(folder, 'state'))
    try {
      const configuration = await open()
      await follow(configuration)
      disk.fill()
      const byHand = text('allow', '# by hand\n')
      writeFileSync(file, byHand)
      await pass(1000)
      await pass(1000)
      assert.deepEqual(put, ['allow'])
      const full = await configuration.control.apply(text('deny', '# later\n'), 60)
      assert.ok(!full.ok && full.code === 'config-unwritable', JSON.stringify(full))
      disk.free()
      await configuration.control.apply(text('deny', '# later\n'), 60)
      await pass(60_000)
      assert.equal(inFile(), byHand)
      assert.deepEqual(await versions(), ['1 found', '2 found', '3 applied', '4 rolled back'])
    } finally {
      disk.remove()
    }
  })

  it('that somebody wrote into the file meanwhile has nothing to be confirmed', async () => {
    await (await open()).control.apply(text('allow'), 60)
    writeFileSync(file, text('deny', '# by hand\n'))
    const configuration = await open()
    assert.deepEqual([configuration.config.default, configuration.control.history().pending], ['deny', null])
    assert.deepEqual(await versions(), ['1 found', '2 applied', '3 found'])
  })

  it('is taken from the file once that rests, and refused as a whole where it is wrong', async () => {
    const configuration = await open()
    await follow(configuration)
    writeFileSync(file, text('allow'))
    await pass(1000)
    assert.deepEqual(put, [])
    await pass(1000)
    assert.deepEqual([put, await versions()], [['allow'], ['1 found', '2 found']])
    writeFileSync(file, 'site: [\n')
    await pass(1000)
    await pass(1000)
    assert.deepEqual([put, codes(configuration)], [['allow'], ['config-syntax']])
    assert.equal(configuration.control.inForce().text, text('allow'))
    writeFileSync(file, text('allow'))
    await pass(1000)
    await pass(1000)
    assert.deepEqual(codes(configuration), [])
  })

  it('that is edited and cannot be put in force is told, and taken when it can', async () => {
    const configuration = await open()
    await follow(configuration)
    failPut = true
    writeFileSync(file, text('allow'))
    await pass(1000)
    await pass(1000)
    assert.deepEqual([put, codes(configuration)], [[], ['config-invalid']])
    assert.match(configuration.findings()[0]!.detail, /no kernel/)
    // As SIGHUP does it, which nobody waits for.
    assert.equal((await configuration.reload()).ok, false)
    assert.equal(configuration.control.inForce().text, text('deny'))
    failPut = false
    assert.equal((await configuration.reload()).ok, true)
    assert.deepEqual([put, codes(configuration)], [['allow'], []])
  })

  it('that is put back keeps what lay in the file, refused as it was', async () => {
    const configuration = await open()
    await follow(configuration)
    await configuration.control.apply(text('allow'), 60)
    writeFileSync(file, 'site: [\n')
    await pass(60_000)
    assert.deepEqual([put, inFile()], [['allow', 'deny'], text('deny')])
    assert.deepEqual(await versions(), ['1 found', '2 applied', '3 kept', '4 rolled back'])
    assert.equal(await configuration.control.version(3), 'site: [\n')
  })

  it('that is applied keeps what lay in the file, edited and not in force', async () => {
    const configuration = await open()
    writeFileSync(file, 'site: [\n')
    const answer = await configuration.control.apply(text('allow'), 60)
    assert.deepEqual(answer.ok && answer.pending, {version: 3, previous: 1, leftSeconds: 60})
    assert.deepEqual([inFile(), await versions()], [text('allow'), ['1 found', '2 kept', '3 applied']])
    assert.equal(await configuration.control.version(2), 'site: [\n')
  })

  it('that is in force already comes into the file all the same', async () => {
    const configuration = await open()
    await follow(configuration)
    writeFileSync(file, 'site: [\n')
    await pass(1000)
    await pass(1000)
    assert.deepEqual(codes(configuration), ['config-syntax'])
    const answer = await configuration.control.apply(text('deny'), null)
    assert.deepEqual([answer.ok && answer.unchanged, inFile(), codes(configuration)], [true, text('deny'), []])
    assert.deepEqual([put, await versions()], [[], ['1 found', '2 kept']])
  })

  it('that cannot be read is no start', async () => {
    writeFileSync(file, 'site: [\n')
    await assert.rejects(open(), ConfigRefused)
  })
})
