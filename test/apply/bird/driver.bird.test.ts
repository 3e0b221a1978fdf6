import assert from 'node:assert/strict'
import {existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {createBirdDriver, watchBird} from '../../../src/apply/bird/index.ts'
import {type BirdStep, stepKey} from '../../../src/model/index.ts'
import type {Prefix} from '../../../src/net/index.ts'
import {planRouting, renderBird} from '../../../src/routing/index.ts'
import {describeDriver} from '../../contract/driver.ts'
import {IDLE_CONFIG, TestBird} from '../../support/bird.ts'
import {configOf, worldOf} from '../../support/interconnect.ts'
import {createNamespace, eventually, type Namespace} from '../../support/namespace.ts'
import {createSmallDisk} from '../../support/small-disk.ts'

const {signal} = new AbortController()

/** A text of ours that differs from others in one unreachable prefix. */
function textFor(number: number): string {
  const config = configOf({sites: [{name: 'a', number: 1}]}, 'a', {owns: [`10.${number}.0.0/16` as Prefix]})
  return renderBird(
    planRouting({config, world: worldOf(new Map()), tunnels: [], passwords: new Map(), draining: false}).bird,
  )
}

const step = (text: string): BirdStep => ({
  key: stepKey('bird configuration'),
  needs: [],
  reason: 'test',
  driver: 'bird',
  text,
})

describe('the BIRD driver', () => {
  let namespace: Namespace
  let bird: TestBird
  const driver = () => createBirdDriver({configFile: bird.configFile, socket: bird.socket, until: signal})
  const file = () => readFileSync(bird.configFile, 'utf8')
  const route = () => namespace.run('ip route show type unreachable')

  before(() => {
    namespace = createNamespace('bird')
  })
  after(() => namespace.remove())
  beforeEach(() => {
    bird = new TestBird(namespace)
  })
  afterEach(async () => {
    await bird.remove()
    namespace.run('ip route flush type unreachable')
  })

  it('loads the text, and says so when asked', async () => {
    await bird.start()
    assert.equal(await driver().read(signal), null, 'somebody else’s file is not ours')
    assert.deepEqual(await driver().apply([step(textFor(1))], signal), [{ok: true, step: 'bird configuration'}])
    assert.deepEqual(await driver().read(signal), {text: textFor(1), loaded: true})
    await eventually(() => route().includes('10.1.0.0/16'))
    assert.equal(await bird.ask('configure confirm'), 'Nothing to do', 'nothing waits for its confirmation')
  })

  it('what a daemon that ended in between has loaded and not confirmed is confirmed by the next one that finds it', async () => {
    await bird.start()
    await driver().apply([step(textFor(1))], signal)
    writeFileSync(bird.configFile, textFor(2))
    assert.match(await bird.ask(`configure "${bird.configFile}" timeout 1`), /Reconfigur/)
    assert.deepEqual(await driver().read(signal), {text: textFor(2), loaded: true})
    await new Promise((resolve) => setTimeout(resolve, 1500))
    assert.deepEqual(await driver().read(signal), {text: textFor(2), loaded: true}, 'it was undone after its time')
  })

  it('the file that was there before is kept once; passwords are for BIRD’s group only', async () => {
    await bird.start()
    await driver().apply([step(textFor(1))], signal)
    await driver().apply([step(textFor(2))], signal)
    assert.equal(readFileSync(`${bird.configFile}.before-isthmus`, 'utf8'), IDLE_CONFIG)
    assert.equal(statSync(bird.configFile).mode & 0o777, 0o640)
    assert.ok(!existsSync(`${bird.configFile}.isthmus-new`))
  })

  it('a refused text leaves everything as it was, with BIRD’s own words and line', async () => {
    await bird.start()
    await driver().apply([step(textFor(1))], signal)
    const [outcome] = await driver().apply([step(textFor(2).replace('persist;', 'persist maybe;'))], signal)
    assert.ok(outcome && !outcome.ok)
    assert.equal(outcome.code, 'refused')
    assert.match(outcome.cause, /:\d+:\d+ .*syntax error/)
    assert.deepEqual(await driver().read(signal), {text: textFor(1), loaded: true})
    assert.ok(!existsSync(`${bird.configFile}.isthmus-new`))
  })

  it('a full disk: the text in force stays, nothing half-written is left, and with room it goes on', async () => {
    const disk = createSmallDisk(join(bird.folder, 'disk'))
    try {
      const configFile = join(disk.folder, 'bird.conf')
      const onDisk = createBirdDriver({configFile, socket: bird.socket, until: signal})
      writeFileSync(configFile, IDLE_CONFIG)
      await bird.start(configFile)
      disk.fill()
      const [first] = await onDisk.apply([step(textFor(1))], signal)
      assert.ok(first && !first.ok)
      assert.match(first.cause, /ENOSPC/)
      assert.equal(readFileSync(configFile, 'utf8'), IDLE_CONFIG)
      assert.deepEqual(readdirSync(disk.folder).sort(), ['bird.conf', 'filler'])
      disk.free()
      assert.deepEqual(await onDisk.apply([step(textFor(1))], signal), [{ok: true, step: 'bird configuration'}])
      assert.equal(readFileSync(`${configFile}.before-isthmus`, 'utf8'), IDLE_CONFIG)
      disk.fill()
      const [second] = await onDisk.apply([step(textFor(2))], signal)
      assert.ok(second && !second.ok)
      assert.deepEqual(await onDisk.read(signal), {text: textFor(1), loaded: true})
      assert.deepEqual(readdirSync(disk.folder).sort(), ['bird.conf', 'bird.conf.before-isthmus', 'filler'])
    } finally {
      disk.remove()
    }
  })

  it('a BIRD that was started on another file is noticed, and takes ours', async () => {
    writeFileSync(bird.configFile, textFor(1))
    const other = join(bird.folder, 'other.conf')
    writeFileSync(other, IDLE_CONFIG)
    await bird.start(other)
    assert.deepEqual(await driver().read(signal), {text: textFor(1), loaded: false})
    await driver().apply([step(textFor(1))], signal)
    assert.deepEqual(await driver().read(signal), {text: textFor(1), loaded: true})
  })

  it('a file that was changed but not loaded is noticed', async () => {
    await bird.start()
    await driver().apply([step(textFor(1))], signal)
    writeFileSync(bird.configFile, textFor(2))
    assert.deepEqual(await driver().read(signal), {text: textFor(2), loaded: false})
  })

  it('BIRD down: a good file is put in place and the step fails for now; a bad one is refused', async () => {
    const [outcome] = await driver().apply([step(textFor(1))], signal)
    assert.ok(outcome && !outcome.ok)
    assert.equal(outcome.code, 'unreachable')
    assert.equal(file(), textFor(1))
    assert.deepEqual(await driver().read(signal), {text: textFor(1), loaded: false})
    const [bad] = await driver().apply([step('nonsense\n')], signal)
    assert.ok(bad && !bad.ok)
    assert.equal(bad.code, 'refused')
    assert.match(bad.cause, /syntax error/)
    assert.equal(file(), textFor(1))
    await bird.start()
    assert.deepEqual(await driver().read(signal), {text: textFor(1), loaded: true}, 'BIRD came up with it')
  })

  it('no bird program and no BIRD: said in one sentence', async () => {
    const options = {configFile: bird.configFile, socket: bird.socket, program: '/nonexistent/bird'}
    const [outcome] = await createBirdDriver({...options, until: signal}).apply([step(textFor(1))], signal)
    assert.deepEqual(outcome, {
      ok: false,
      step: 'bird configuration',
      code: 'missing',
      cause: '/nonexistent/bird is not installed',
    })
    assert.equal(file(), IDLE_CONFIG)
  })

  it('a folder that is missing is an outcome', async () => {
    const configFile = join(bird.folder, 'missing', 'bird.conf')
    const [outcome] = await createBirdDriver({configFile, socket: bird.socket, until: signal}).apply(
      [step(textFor(1))],
      signal,
    )
    assert.ok(outcome && !outcome.ok)
    assert.equal(outcome.code, 'missing')
    mkdirSync(join(bird.folder, 'missing'))
    const [again] = await createBirdDriver({configFile, socket: bird.socket, until: signal}).apply(
      [step(textFor(1))],
      signal,
    )
    assert.ok(again && !again.ok)
    assert.equal(again.code, 'unreachable')
  })

  it('its coming and going is told', async () => {
    const told: boolean[] = []
    const stop = new AbortController()
    const watching = watchBird(bird.socket, (up) => told.push(up), stop.signal, 20)
    await eventually(() => told.length === 1)
    await bird.start()
    await eventually(() => told.length === 2)
    await bird.kill()
    await eventually(() => told.length === 3)
    stop.abort()
    await watching
    assert.deepEqual(told, [false, true, false])
  })

  describe('as any driver', () => {
    beforeEach(() => bird.start())
    describeDriver('bird', () => {
      const included = join(bird.folder, 'later.conf')
      const neighbour = `${bird.configFile}.bak`
      return {
        open: driver,
        make: [step(textFor(1))],
        // A configuration has no absence; another one stands for it.
        unmake: [step(textFor(9))],
        foreign: {
          create: () => writeFileSync(neighbour, 'mine\n'),
          show: () => readFileSync(neighbour, 'utf8'),
        },
        refused: {
          step: step(textFor(2).replace('router id', `include "${included}";\nrouter id`)),
          provoke: () => writeFileSync(included, 'nonsense\n'),
          mend: () => writeFileSync(included, '# nothing\n'),
        },
        view: (part) => part,
      }
    })
  })
})
