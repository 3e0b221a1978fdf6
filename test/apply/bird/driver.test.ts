import assert from 'node:assert/strict'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createBirdDriver} from '../../../src/apply/bird/index.ts'
import {BIRD_HASH_CONSTANT, type BirdStep, type OutcomeCode, stepKey} from '../../../src/model/index.ts'
import {type ScriptedBird, scriptedBird} from '../../support/scripted-bird.ts'

const textOf = (hash: string): string => `define ${BIRD_HASH_CONSTANT} = "${hash}";\n`
const OLD = textOf('aaaa')
const NEW = textOf('bbbb')
const STEP: BirdStep = {key: stepKey('bird configuration'), needs: [], reason: '', driver: 'bird', text: NEW}

/** A BIRD that finds every file good and loads it at once, with what a case changes. */
const WILLING: Record<string, string | null> = {
  '': '0001 BIRD 2.0.12 ready.',
  check: '0020 Configuration OK',
  load: '0003 Reconfigured',
  eval: '0023 bbbb',
  confirm: '0018 Reconfiguration confirmed',
  undo: '0021 Undo requested',
}

const verb = (command: string): string =>
  command.startsWith('configure "')
    ? 'load'
    : (/^(?:configure )?(check|confirm|undo|eval)/.exec(command)?.[1] ?? command)

describe('the BIRD driver, when BIRD', () => {
  const {signal} = new AbortController()
  let folder: string
  let bird: ScriptedBird | null = null
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'is-driver-'))
    writeFileSync(join(folder, 'bird.conf'), OLD)
  })
  afterEach(async () => {
    await bird?.close()
    bird = null
    rmSync(folder, {recursive: true})
  })

  const cases: {
    name: string
    answers: Record<string, string | null>
    code: OutcomeCode | 'ok'
    file: string
    verbs: string[]
  }[] = [
    {name: 'takes it', answers: {}, code: 'ok', file: NEW, verbs: ['check', 'load', 'eval', 'confirm']},
    {
      name: 'refuses on loading what it had found good: the old file is put back',
      answers: {load: '8002 /bird.conf:1:1 no'},
      code: 'refused',
      file: OLD,
      verbs: ['check', 'load'],
    },
    {
      name: 'takes long over what was before (queued): waited for',
      answers: {load: '0005 Reconfiguration already in progress, queueing'},
      code: 'ok',
      file: NEW,
      verbs: ['check', 'load', 'eval', 'confirm'],
    },
    {
      name: 'never loads it: undone, and the old file is put back',
      answers: {load: '0005 Reconfiguration already in progress, queueing', eval: '0023 aaaa'},
      code: 'timeout',
      file: OLD,
      verbs: ['check', 'load', 'eval', 'undo'],
    },
    {
      name: 'is shutting down: the good file stays for its next start',
      answers: {load: '0006 Reconfiguration ignored, shutting down'},
      code: 'unreachable',
      file: NEW,
      verbs: ['check', 'load'],
    },
    {
      name: 'goes away in the middle: likewise',
      answers: {load: null},
      code: 'unreachable',
      file: NEW,
      verbs: ['check', 'load'],
    },
    {
      name: 'goes away before it has judged the file: nothing was changed',
      answers: {check: null},
      code: 'unreachable',
      file: OLD,
      verbs: ['check'],
    },
  ]
  for (const {name, answers, code, file, verbs} of cases) {
    it(name, async () => {
      const socket = join(folder, 'bird.ctl')
      bird = await scriptedBird(socket, (command) => ({...WILLING, ...answers})[verb(command)] ?? null)
      const driver = createBirdDriver({
        configFile: join(folder, 'bird.conf'),
        socket,
        loadedWithinMs: 30,
        until: signal,
      })
      const [outcome] = await driver.apply([STEP], signal)
      assert.equal(outcome?.ok ? 'ok' : outcome?.code, code)
      assert.equal(readFileSync(join(folder, 'bird.conf'), 'utf8'), file)
      assert.deepEqual([...new Set(bird.commands.map(verb))], verbs)
      assert.ok(!bird.commands.some((command) => command.includes('soft')))
    })
  }
})
