import assert from 'node:assert/strict'
import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {type CliResult, cli} from '../support/run-cli.ts'

describe('isthmus site leave, before its user is gone', () => {
  let folder: string
  const leave = (...more: string[]): Promise<CliResult> => {
    const own = ['--config', path.join(folder, 'gateway.yaml'), '--folder', folder, '--sites', folder]
    return cli(['site', 'leave', 'b', ...own, ...more])
  }
  const left = (): string[] => readdirSync(path.join(folder, 'remotes')).sort()

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'isthmus-leave-'))
    const yaml = gatewayYaml(['http://127.0.0.1:1']).replace('kind: calico', 'kind: isthmus')
    writeFileSync(path.join(folder, 'gateway.yaml'), `${yaml}paths: {state: ${folder}/state}\n`)
    mkdirSync(path.join(folder, 'remotes'))
    for (const file of ['b.pem', 'b.key']) writeFileSync(path.join(folder, 'remotes', file), 'as it was made\n')
  })
  afterEach(() => rmSync(folder, {recursive: true}))

  it('its certificate stays, so that it is told again as long as nobody looked at the user', async () => {
    for (const _ of ['at first', 'again']) {
      const {status, out, err} = await leave()
      assert.equal(status, 1)
      assert.match(err, /warning site-user-left /)
      assert.match(out, /remotes\/b\.pem +later +its user in etcd goes first/)
      assert.deepEqual(left(), ['b.key', 'b.pem'])
    }
  })

  it('as long as etcd could not be asked either', async () => {
    const {status} = await leave('--endpoints', 'https://127.0.0.1:1')
    assert.notEqual(status, 0)
    assert.deepEqual(left(), ['b.key', 'b.pem'])
  })
})
