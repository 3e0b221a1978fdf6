import assert from 'node:assert/strict'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pino} from 'pino'
import {type RunningApi, startApi} from '../../src/api/index.ts'
import {openConfiguration} from '../../src/gateway/configuration.ts'
import {fakeView} from '../support/fake-view.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {cli} from '../support/run-cli.ts'
import {watchClock} from '../support/watch-clock.ts'

describe('isthmus config', () => {
  let folder: string
  let api: RunningApi
  let other: string
  const text = (word: string): string =>
    `${gatewayYaml(['http://127.0.0.1:1']).replace('default: deny', `default: ${word}`)}paths: {state: ${folder}/state}\n`
  const run = (...args: string[]) => cli(['config', ...args], join(folder, 'api.sock'), Date.now())
  const inForce = (): string => readFileSync(join(folder, 'gateway.yaml'), 'utf8')

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-cli-config-'))
    const file = join(folder, 'gateway.yaml')
    other = join(folder, 'other.yaml')
    writeFileSync(file, text('deny'))
    writeFileSync(other, text('allow'))
    const configuration = await openConfiguration({
      ...{file, clock: watchClock, log: pino({level: 'silent'})},
      put: async () => undefined,
    })
    const view = fakeView({configuration: configuration.control})
    api = await startApi({view, socketPath: join(folder, 'api.sock'), metrics: null, onError: assert.fail})
  })
  afterEach(async () => {
    await api.close()
    rmSync(folder, {recursive: true})
  })

  it('diff shows each field that is otherwise, and its status says whether there is one', async () => {
    assert.deepEqual(await run('diff', other), {status: 1, out: '~ default: "deny" → "allow"\n', err: ''})
    assert.deepEqual(await run('diff', join(folder, 'gateway.yaml')), {status: 0, out: '', err: ''})
    assert.equal((await run('diff', other, '-o', 'json')).out.includes('"field": "default"'), true)
    writeFileSync(other, 'a: [')
    const broken = await run('diff', other)
    assert.deepEqual(
      [broken.status, broken.err],
      [2, `${other} is not YAML: \`isthmus config validate ${other}\` says where\n`],
    )
  })

  it('apply, confirm, history and show', async () => {
    const applied = await run('apply', other, '--confirm', '2m')
    assert.deepEqual(applied, {
      status: 0,
      out: 'version 2 is in force\nversion 1 comes back in 120 s unless you say: isthmus config confirm\n',
      err: '',
    })
    assert.equal(inForce(), text('allow'))
    const again = await run('apply', other)
    assert.deepEqual([again.status, again.out], [1, ''])
    assert.match(again.err, /^version 2 waits to be confirmed: `isthmus config confirm` or `rollback` first\n$/)
    assert.match(
      (await run('history')).out,
      /^VERSION {3}SINCE {3}HOW {7}STATE\n {6}2 {3}\d s {5}applied {3}in force, 1\d\d s to confirm it\n {6}1 {3}\d s {5}found\n$/,
    )
    assert.deepEqual(await run('confirm'), {status: 0, out: 'version 2 is in force, as before\n', err: ''})
    assert.deepEqual(await run('confirm'), {status: 1, out: '', err: 'nothing waits to be confirmed\n'})
    assert.equal((await run('show')).out, text('allow'))
    assert.equal((await run('show', '1')).out, text('deny'))
    assert.deepEqual(await run('show', '7'), {status: 1, out: '', err: 'there is no version 7\n'})
  })

  it('rollback puts the one before in force', async () => {
    await run('apply', other)
    assert.deepEqual(await run('rollback'), {status: 0, out: 'version 3 is in force\n', err: ''})
    assert.equal(inForce(), text('deny'))
    assert.equal(JSON.parse((await run('rollback', '2', '-o', 'json')).out).version, 4)
    assert.equal(inForce(), text('allow'))
  })

  it('a file that is wrong is refused with the line, and nothing is changed', async () => {
    writeFileSync(other, text('maybe'))
    const {status, out, err} = await run('apply', other)
    assert.deepEqual([status, out], [1, ''])
    assert.match(err, /other\.yaml:6:\d+: error config-invalid default: /)
    assert.match(err, /the configuration was refused; the old one stays in force\n$/)
    assert.equal(inForce(), text('deny'))
  })

  for (const [args, word] of [
    [['apply', 'OTHER', '--confirm', '60'], /--confirm 60: must be a number and a unit, such as 60s or 5m/],
    [['apply', '/nonexistent.yaml'], /\/nonexistent\.yaml cannot be read/],
    [['rollback', 'x'], /x: must be a version/],
    [['show', 'last'], /last: must be a version/],
  ] as const) {
    it(`${args.join(' ')} is wrong usage`, async () => {
      const {status, err} = await run(...args.map((arg) => (arg === 'OTHER' ? other : arg)))
      assert.equal(status, 2)
      assert.match(err, word)
    })
  }

  it('a time that is too short or too long is refused by the gateway', async () => {
    for (const time of ['1s', '30d']) {
      const {status, err} = await run('apply', other, '--confirm', time)
      assert.deepEqual([status, err], [2, 'query.confirm: must be 5 to 86400 seconds\n'])
    }
    assert.equal(inForce(), text('deny'))
  })

  it('validate is check', async () => {
    assert.match((await run('validate', other)).out, /gateway a1 of site a/)
  })

  it('without a gateway it says so', async () => {
    assert.equal((await cli(['config', 'history'])).status, 3)
  })
})
